import { mkdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { currentPlatform } from '../postgres/platform.ts';
import { recordRun, runFolderName } from '../postgres/run-registry.ts';

export interface RunFolders {
  readonly runDir: string;
  /** For unpacked functions; created by the first one. */
  readonly functionsDir: string;
  removeFunctions(): Promise<void>;
  /** Removes what is left of them, and the run folder if it is ours. */
  close(): Promise<void>;
}

/**
 * The folders of one cloud: in `runDir`, or in a fresh one below the system's temporary folder. They are written down
 * first, so that the next start removes them if this process is killed.
 */
export async function openRunFolders(runDir: string | undefined): Promise<RunFolders> {
  const own = runDir === undefined ? join(tmpdir(), runFolderName('postern')) : undefined;
  const folder = resolve(own ?? (runDir as string));
  const functionsDir = join(folder, runFolderName('lambda'));
  const forget = await recordRun(currentPlatform(), {
    folders: [functionsDir],
    createdFolder: own && folder,
  });
  if (own !== undefined) {
    await mkdir(folder, { mode: 0o700 }).catch(async (cause: unknown) => {
      await forget();
      throw cause;
    });
  }
  const removeFunctions = (): Promise<void> => rm(functionsDir, { recursive: true, force: true });
  return {
    runDir: folder,
    functionsDir,
    removeFunctions,
    async close() {
      await removeFunctions();
      if (own !== undefined) await rmdir(folder).catch(() => {}); // as after a kill: only what is known to be ours
      await forget();
    },
  };
}
