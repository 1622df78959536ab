import type { LogLine } from './log.ts';

/** What one run counts. */
export interface Counted {
  readonly durationMs: number;
  readonly statements: number;
  readonly migrations: number;
  readonly failed: boolean;
}

const units = {
  Duration: 'Milliseconds',
  Statements: 'Count',
  Migrations: 'Count',
  Failures: 'Count',
} as const;

/**
 * Metrics in CloudWatch's embedded metric format: a log line that CloudWatch Logs makes metrics of, without a call and without a
 * permission. Namespace `Postern`, by function and action.
 *
 * Source: "Specification: Embedded metric format" of the Amazon CloudWatch User Guide.
 */
export function metricsLine(functionName: string, action: string, counted: Counted, base: LogLine): LogLine {
  return {
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: 'Postern',
          Dimensions: [['function_name', 'action']],
          Metrics: Object.entries(units).map(([Name, Unit]) => ({ Name, Unit })),
        },
      ],
    },
    ...base,
    function_name: functionName,
    action,
    Duration: Math.round(counted.durationMs),
    Statements: counted.statements,
    Migrations: counted.migrations,
    Failures: counted.failed ? 1 : 0,
  };
}
