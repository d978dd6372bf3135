"""What readers of indoor datasets share: files, meshes, sensor streams, annotations, boxes and views."""
