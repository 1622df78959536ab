import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BootstrapError } from '../errors.ts';
import type { OnInput } from './compile.ts';

/**
 * Files and folders in a folder, sorted, without hidden ones. Nothing when there is no such folder. Links are what they lead to.
 *
 * @throws BootstrapError `BOOTSTRAP_BUILD_FAILED` when one leads nowhere: to leave it out would be to leave out a migration
 */
export async function listFolder(
  folder: string,
  onInput?: OnInput,
): Promise<{ readonly files: string[]; readonly folders: string[] }> {
  onInput?.(folder);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files: string[] = [];
  const folders: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const found = entry.isSymbolicLink() ? await followed(join(folder, entry.name), onInput) : entry;
    if (found.isFile()) files.push(entry.name);
    else if (found.isDirectory()) folders.push(entry.name);
  }
  return { files: files.sort(), folders: folders.sort() };
}

async function followed(link: string, onInput?: OnInput): ReturnType<typeof stat> {
  try {
    const target = await realpath(link);
    onInput?.(target);
    return await stat(target);
  } catch (cause) {
    throw new BootstrapError('BOOTSTRAP_BUILD_FAILED', `${link} is a link to something that is not there`, {
      hint: 'Restore what it leads to, or remove the link.',
      details: { file: link },
      cause,
    });
  }
}
