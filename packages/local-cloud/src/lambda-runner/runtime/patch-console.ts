import { format } from 'node:util';
import type { ErrorBody } from './errors.ts';

export interface Output {
  /** Stands in every line; set per invocation. */
  requestId: string;
  report(label: string, body: ErrorBody): void;
  /** Tells the runner that all output of this invocation was written. */
  mark(): void;
}

/** Lambda's text format: `timestamp\trequestId\tLEVEL\ttext`, a line per call. */
export function patchConsole(initialId: string): Output {
  const stdout = process.stdout.write.bind(process.stdout);
  const stderr = process.stderr.write.bind(process.stderr);
  const write = (level: string, text: string): void => {
    const line = text.replaceAll('\r', '\\r').replaceAll('\n', '\r');
    stdout(`${new Date().toISOString()}\t${output.requestId}\t${level}\t${line}\n`);
  };
  const output: Output = {
    requestId: initialId,
    report: (label, { errorType, errorMessage, trace }) => {
      write('ERROR', `${label}\t${JSON.stringify({ errorType, errorMessage, stack: trace })}`);
    },
    mark: () => {
      const marker = `\u0000${output.requestId}\u0000`;
      stdout(marker);
      stderr(marker);
    },
  };
  const levels = { log: 'INFO', info: 'INFO', debug: 'DEBUG', trace: 'TRACE', warn: 'WARN', error: 'ERROR' };
  for (const [name, level] of Object.entries(levels)) {
    console[name as 'log'] = (...values: unknown[]) => write(level, format(...values));
  }
  return output;
}
