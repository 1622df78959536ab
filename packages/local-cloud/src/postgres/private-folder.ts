import { chmod, lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudError } from '../errors.ts';

/**
 * `<tmp>/postern-<uid>`: the folder of this user's running servers. Only its owner may list it; as root others may
 * pass through, because PostgreSQL then runs as another user in a child folder of its own.
 */
export async function userFolder(): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  return privateFolder(join(tmpdir(), `postern-${uid}`), passable());
}

/** 0711 as root, 0700 otherwise. */
export function passable(): number {
  return process.getuid?.() === 0 ? 0o711 : 0o700;
}

/**
 * Makes sure that `folder` exists, belongs to us and nobody else can write there: in a shared temporary folder
 * somebody else may have come first.
 */
export async function privateFolder(folder: string, mode: number): Promise<string> {
  await mkdir(folder, { mode }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cause;
  });
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.())
    throw new CloudError('CLOUD_OPTIONS_INVALID', {
      kind: 'invalid',
      message: `${folder} is in the way: it is not a folder of this user.`,
      hint: 'Remove it, or set TMPDIR to a folder of your own.',
    });
  if ((found.mode & 0o777) !== mode) await chmod(folder, mode); // mkdir's mode is cut by the umask
  return folder;
}
