/** The platform's own lines in a function's log: tab-separated, in the order START, output, END, REPORT. */

export function startLine(requestId: string): string {
  return `START RequestId: ${requestId} Version: $LATEST\n`;
}

export function endLine(requestId: string): string {
  return `END RequestId: ${requestId}\n`;
}

export interface Report {
  readonly requestId: string;
  readonly durationMs: number;
  readonly memoryMb: number;
  readonly peakBytes: number;
  readonly initMs: number | undefined;
  /** `timeout`, or the error type of a process that failed; absent for an ordinary answer or error. */
  readonly status: 'timeout' | { readonly errorType: string } | undefined;
}

export function reportLine(report: Report): string {
  const { durationMs, initMs, status } = report;
  const parts = [
    `REPORT RequestId: ${report.requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(durationMs)} ms`,
    `Memory Size: ${report.memoryMb} MB`,
    `Max Memory Used: ${Math.min(report.memoryMb, Math.round(report.peakBytes / 1024 / 1024))} MB`,
    ...(initMs === undefined ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
    ...(status === 'timeout' ? ['Status: timeout'] : []),
    ...(typeof status === 'object' ? ['Status: error', `Error Type: ${status.errorType}`] : []),
  ];
  return `${parts.join('\t')}\t\n`;
}

export function initReportLine(initMs: number, phase: 'init' | 'invoke', failure: string): string {
  const status = failure === 'timeout' ? 'Status: timeout' : `Status: error\tError Type: ${failure}`;
  return `INIT_REPORT Init Duration: ${initMs.toFixed(2)} ms\tPhase: ${phase}\t${status}\n`;
}
