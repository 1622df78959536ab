import type { ProgressEvent } from '../contract/progress.ts';
import { type Log, progressLine } from './log.ts';

type Notice = Extract<ProgressEvent, { event: 'notice' }>;

/**
 * Writes a run's progress into the log. What the server says during a migration is counted, not quoted, so it is one line for each
 * migration and severity: a migration may say something for each of a million rows.
 */
export class ProgressLog {
  readonly #log: Log;
  readonly #logSql: 'masked' | 'full';
  /** By database, migration and severity. */
  readonly #counted = new Map<string, { readonly notice: Notice; count: number }>();

  constructor(log: Log, logSql: 'masked' | 'full') {
    this.#log = log;
    this.#logSql = logSql;
  }

  tell(event: ProgressEvent): void {
    if (event.event === 'notice' && this.#logSql === 'masked') {
      const { database, migration, severity } = event;
      const key = JSON.stringify([database, migration, severity]);
      const counted = this.#counted.get(key);
      if (counted) counted.count++;
      else this.#counted.set(key, { notice: event, count: 1 });
      return;
    }
    if (event.event === 'migration') this.flush();
    this.#log.info(...progressLine(event, this.#logSql));
  }

  /** Writes what was counted; at the end of a run, also of a failed one. */
  flush(): void {
    for (const { notice, count } of this.#counted.values()) {
      const [message, fields] = progressLine(notice, this.#logSql);
      this.#log.info(message, { ...fields, count });
    }
    this.#counted.clear();
  }
}
