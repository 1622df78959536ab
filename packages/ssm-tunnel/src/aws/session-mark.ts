import { type ProcessIdentity, thisProcess } from './process-identity.ts';

/** What StartSession takes as Reason, in characters. */
const MAX_REASON = 256;

const MARK = / \[postern ([0-9a-f]{12}) (\d{1,10}) (\d{1,20})\]$/;

/**
 * The caller's reason and, behind it, a mark of this process: `nightly import [postern 3f9c2a710b44 4711 8812345]`.
 * With it the next process can tell sessions that nobody uses any more from those of others. It holds a hash of the
 * machine's name and boot, the process id, and when the process started; nothing of it is secret. A reason that would
 * not fit together with its mark is cut.
 */
export function markReason(reason: string, identity: ProcessIdentity = thisProcess()): string {
  const mark = ` [postern ${identity.host} ${identity.pid} ${identity.start}]`;
  // Never half of a character that takes two places.
  return reason.slice(0, MAX_REASON - mark.length).replace(/[\ud800-\udbff]$/, '') + mark;
}

/** The process that started a session with this reason; undefined for a session of something else. */
export function readMark(reason: string): ProcessIdentity | undefined {
  const [, host, pid, start] = MARK.exec(reason) ?? [];
  if (host === undefined || start === undefined) return undefined;
  return { host, pid: Number(pid), start };
}
