import { readdir } from 'node:fs/promises';
import type { OnInput } from './compile.ts';

/** Files and folders in a folder, sorted, without hidden ones. Nothing when there is no such folder. */
export async function listFolder(
  folder: string,
  onInput?: OnInput,
): Promise<{ readonly files: string[]; readonly folders: string[] }> {
  onInput?.(folder);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  return {
    files: visible
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .sort(),
    folders: visible
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort(),
  };
}
