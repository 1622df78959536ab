import type { SqlClient } from '@postern/test-databases/server';
import type { MigrationEvent, MigrationNotice } from './run.ts';

/** How many are kept for the answer, which has a size limit. */
const kept = 200;

/** Listens to what the server says beside its answers, and knows which migration made it say so. */
export class Notices implements Disposable {
  readonly list: MigrationNotice[] = [];
  /** The migration at work. */
  current: string | undefined;
  readonly #session: Partial<Emitter>;
  readonly #listener: (notice: { severity?: string | undefined; message?: string | undefined }) => void;

  constructor(session: SqlClient, onProgress: ((event: MigrationEvent) => void) | undefined) {
    // A session that is no pg.Client may have none to offer.
    this.#session = session as Partial<Emitter>;
    this.#listener = ({ severity = 'NOTICE', message = '' }) => {
      if (this.current === undefined) return;
      const notice = { migration: this.current, severity, message };
      if (this.list.length < kept) this.list.push(notice);
      onProgress?.({ event: 'notice', ...notice });
    };
    this.#session.on?.('notice', this.#listener);
  }

  [Symbol.dispose](): void {
    this.#session.off?.('notice', this.#listener);
  }
}

interface Emitter {
  on(event: 'notice', listener: (notice: { severity?: string; message?: string }) => void): unknown;
  off(event: 'notice', listener: (notice: { severity?: string; message?: string }) => void): unknown;
}
