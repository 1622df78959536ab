import type { ProgressEvent } from '../contract/progress.ts';
import type { ErrorResponse } from '../contract/response.ts';
import { cutTexts } from './answer-size.ts';
import { maskError, maskSql } from './mask.ts';

export type LogLine = Readonly<Record<string, unknown>>;

/** One line of JSON each, with the names that Powertools for AWS Lambda uses, so that its queries and dashboards fit. */
export interface Log {
  info(message: string, fields?: LogLine): void;
  error(message: string, fields?: LogLine): void;
}

const serviceName = 'postern-bootstrap';

export function createLog(write: (line: LogLine) => void, base: LogLine): Log {
  const line =
    (level: 'INFO' | 'ERROR') =>
    (message: string, fields: LogLine = {}): void =>
      write({
        level,
        message,
        timestamp: new Date().toISOString(),
        service: serviceName,
        ...base,
        ...fields,
      });
  return { info: line('INFO'), error: line('ERROR') };
}

/** What of a run's progress belongs into a log: no values of SQL, unless asked for. */
export function progressLine(event: ProgressEvent, logSql: 'masked' | 'full'): [string, LogLine] {
  const full = logSql === 'full';
  switch (event.event) {
    case 'statement': {
      const { group, database, sql, durationMs, notices = [] } = event;
      const said = notices.length === 0 ? {} : { notices: full ? notices : notices.length };
      return ['statement', { group, database, sql: full ? sql : maskSql(sql), durationMs, ...said }];
    }
    case 'migration': {
      const { event: _event, ...fields } = event;
      return ['migration', fields];
    }
    case 'notice': {
      const { database, migration, severity, message } = event;
      return ['notice', { database, migration, severity, ...(full ? { text: message } : {}) }];
    }
  }
}

/** CloudWatch cuts a line of more than 256 kB, which is no JSON then. */
const mostText = 1_000;

export function errorForLog(error: ErrorResponse, logSql: 'masked' | 'full'): ErrorResponse {
  return cutTexts(logSql === 'full' ? error : maskError(error), mostText);
}
