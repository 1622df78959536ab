import type { SqlClient } from '@postern/test-databases/server';

interface Emitter {
  on(event: 'notice', listener: (notice: { severity?: string; message?: string }) => void): unknown;
  off(event: 'notice', listener: (notice: { severity?: string; message?: string }) => void): unknown;
}

/** Collects what the server says beside its answers, where the session passes it on, as `pg.Client` does. */
export function listenToNotices(session: SqlClient): { readonly notices: readonly string[]; stop(): void } {
  const notices: string[] = [];
  if (!isEmitter(session)) return { notices, stop: () => undefined };
  const listener = ({ severity = 'NOTICE', message = '' }: { severity?: string; message?: string }): void => {
    notices.push(`${severity}: ${message}`);
  };
  session.on('notice', listener);
  return { notices, stop: () => void session.off('notice', listener) };
}

function isEmitter(session: SqlClient): session is SqlClient & Emitter {
  const { on, off } = session as Partial<Emitter>;
  return typeof on === 'function' && typeof off === 'function';
}
