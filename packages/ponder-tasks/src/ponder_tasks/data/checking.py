"""The examination of a folder, as a program reads it."""

from typing import Any

from ponder_data.checks.finding import CHECKS
from ponder_data.checks.folder import CheckReport, check_folder

__all__ = ["CHECKS", "CheckReport", "check_folder", "report_as_dict"]


def report_as_dict(report: CheckReport) -> dict[str, Any]:
    """Return the report as values that JSON can write; files are relative to the folder where they lie in it."""
    return {
        "path": str(report.path),
        "layout": report.layout,
        "scenes": report.scenes,
        "examined": report.examined,
        "errors": report.errors,
        "warnings": len(report.findings) - report.errors,
        "findings": [
            {
                "check": finding.check,
                "severity": finding.severity,
                "file": finding.shown_file(report.path),
                "scene": finding.scene,
                "message": finding.message,
            }
            for finding in report.findings
        ],
    }
