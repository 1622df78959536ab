import { chmod, chown, copyFile, lchown, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';

interface CopyOptions {
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly folderMode: number;
  /** Mode of a copied file; by default that of the original. */
  readonly fileMode?: (name: string) => number;
  readonly skip?: (name: string) => boolean;
}

/**
 * Copies a folder with everything in it and returns the number of files. `fs.cp` neither sets an owner nor works
 * side by side (a data directory has a thousand files: 190 ms one by one, 50 ms like this).
 */
export async function copyTree(from: string, to: string, options: CopyOptions): Promise<number> {
  await mkdir(to, { mode: options.folderMode }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cause;
  });
  await chmod(to, options.folderMode);
  if (options.owner) await chown(to, options.owner.uid, options.owner.gid);
  const counts = await Promise.all(
    (await readdir(from, { withFileTypes: true })).map(async (entry) => {
      if (options.skip?.(entry.name)) return 0;
      const [source, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) return copyTree(source, target, options);
      if (entry.isSymbolicLink()) {
        await symlink(await readlink(source), target);
        if (options.owner) await lchown(target, options.owner.uid, options.owner.gid);
        return 1;
      }
      await copyFile(source, target);
      if (options.fileMode) await chmod(target, options.fileMode(entry.name));
      if (options.owner) await chown(target, options.owner.uid, options.owner.gid);
      return 1;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The number of files that a copy of `folder` would have. */
export async function countFiles(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true });
  const counts = await Promise.all(
    entries.map((entry) => (entry.isDirectory() ? countFiles(join(folder, entry.name)) : 1)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
