import { readFileSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CloudError } from '../errors.ts';

/** Who runs PostgreSQL when it is not whoever runs Node. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root. Then it runs as `postgres` if the machine has that user, else as `nobody`;
 * undefined means: as ourselves. No user is ever created.
 *
 * @throws CloudError `CLOUD_POSTGRES_START_FAILED` as root on a machine with neither
 */
export function serverUser(
  uid: number | undefined = process.getuid?.(),
  passwd: () => string = () => readFileSync('/etc/passwd', 'utf8'),
): ServerUser | undefined {
  if (uid !== 0) return undefined;
  const users = passwd()
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , id, group]) => ({ name, uid: Number(id), gid: Number(group) }));
  const user = ['postgres', 'nobody'].map((name) => users.find((candidate) => candidate.name === name));
  const found = user.find((candidate) => candidate !== undefined && candidate.uid > 0);
  if (found) return found;
  throw new CloudError('CLOUD_POSTGRES_START_FAILED', {
    kind: 'unavailable',
    message:
      'PostgreSQL must not run as root, and /etc/passwd has neither a user postgres nor a user nobody.',
    hint: 'Run as a normal user, or add the user nobody.',
  });
}

/** The first folder on the way to `path` that `user` cannot pass, or `path` itself if unreadable; undefined: none. */
export async function obstacleFor(
  user: ServerUser | undefined,
  path: string,
  needs: { read?: boolean; execute?: boolean },
): Promise<string | undefined> {
  if (!user) return undefined;
  const target = await realpath(path);
  const way: string[] = [];
  for (let folder = dirname(target); way[0] !== folder; folder = dirname(folder)) way.unshift(folder);
  for (const folder of way) if (!(await permits(user, folder, 0o1))) return folder;
  const bits = (needs.read ? 0o4 : 0) | (needs.execute ? 0o1 : 0);
  return (await permits(user, target, bits)) ? undefined : target;
}

async function permits(user: ServerUser, path: string, bits: number): Promise<boolean> {
  const { mode, uid, gid } = await stat(path);
  const granted = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode;
  return (granted & bits) === bits;
}
