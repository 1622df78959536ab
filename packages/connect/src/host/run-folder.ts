import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConnectError } from '../errors.ts';
import { type Platform, platform as thisPlatform } from '../platform.ts';

/** Where a host keeps its sockets, log and data while it runs. */
export interface RunFolder {
  readonly id: string;
  /** `<tmp>/postern-<uid>`, shared by all hosts of this user. */
  readonly parent: string;
  /** `<parent>/<id>`, the host's own; it removes it at its end. */
  readonly folder: string;
  /** Held by a client while it looks for or starts the host; beside the folder because it outlives it. */
  readonly lockFile: string;
  readonly control: string;
  readonly data: string;
  readonly log: string;
  /** Who owns the folder; what the next start looks at when a host was killed. */
  readonly owner: string;
}

/**
 * The folder of one workspace, environment and AWS identity: two clones of a repository get two, two Nx projects of
 * one clone share one. Throws `CONNECT_SOCKET_PATH_TOO_LONG`.
 */
export function runFolder(
  identity: { root: string; environment: string; awsIdentity: string },
  platform: Platform = thisPlatform,
): RunFolder {
  const text = JSON.stringify([identity.root, identity.environment, identity.awsIdentity]);
  const id = createHash('sha256').update(text).digest('hex').slice(0, 8);
  const parent = platform.runtimeRoot();
  const folder = join(parent, id);
  const control = platform.controlAddress(folder, id);
  const limit = platform.socketPathBytes;
  if (limit !== undefined && Buffer.byteLength(control) > limit) {
    throw new ConnectError({
      code: 'CONNECT_SOCKET_PATH_TOO_LONG',
      kind: 'invalid',
      message: `The socket path ${control} is longer than the ${limit} bytes that the system allows.`,
      hint: 'Set TMPDIR to a shorter path, for example /tmp.',
    });
  }
  return {
    id,
    parent,
    folder,
    lockFile: join(parent, `${id}.lock`),
    control,
    data: platform.dataAddress(folder, id),
    log: join(folder, 'host.log'),
    owner: join(folder, 'owner.json'),
  };
}

/** Makes the folder that all hosts of this user share, or checks the one that is there. `CONNECT_FOLDER_UNSAFE`. */
export function ensureParent({ parent }: RunFolder, platform: Platform = thisPlatform): void {
  makeSafe(parent, platform.folderMode());
}

/** Makes the host's own folder. The caller holds the lock. `CONNECT_FOLDER_UNSAFE`. */
export function ensureFolder(run: RunFolder, platform: Platform = thisPlatform): void {
  ensureParent(run, platform);
  makeSafe(run.folder, platform.folderMode());
}

/** Takes the shared folder away when nobody uses it any more. */
export function removeParentIfEmpty({ parent }: RunFolder): void {
  try {
    rmdirSync(parent);
  } catch {
    // Somebody else's host or lock is in it, or it has gone already.
  }
}

/** A host that ends takes the folder away when it is empty, and may do so between two calls of this. */
const TRIES = 20;

/** In a world-writable place a folder of this name may have been put there by somebody else. */
function makeSafe(path: string, mode: number): void {
  for (let left = TRIES; ; left -= 1) {
    try {
      makeOrCheck(path, mode);
      return;
    } catch (cause) {
      if (cause instanceof ConnectError) throw cause;
      const gone = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      if (!gone || left === 1) throw unsafe(path, 'cannot be made', cause);
    }
  }
}

function makeOrCheck(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
    chmodSync(path, mode); // whatever the umask
    return;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  }
  const found = lstatSync(path);
  if (!found.isDirectory()) throw unsafe(path, 'is not a folder');
  const uid = process.getuid?.();
  if (uid !== undefined && found.uid !== uid) throw unsafe(path, 'belongs to another user');
  if (uid !== undefined && (found.mode & 0o777) !== mode) chmodSync(path, mode);
}

function unsafe(path: string, why: string, cause?: unknown): ConnectError {
  return new ConnectError({
    code: 'CONNECT_FOLDER_UNSAFE',
    kind: 'conflict',
    message: `The run-time folder ${path} ${why}${cause instanceof Error ? `: ${cause.message}` : ''}.`,
    hint: 'Remove what is in the way, or set TMPDIR to an existing folder of your own.',
    cause,
  });
}
