import { stat } from 'node:fs/promises';
import type { BuildArtifact, BuiltArtifact } from './artifacts.ts';

/**
 * Times of files come from a clock that ticks every few milliseconds (every 2 s on FAT): a file may be read in the tick
 * in which it changes, and nobody can tell from before. A build that read something so young is not kept.
 */
const SETTLED_MS = 2_000;

export interface ArtifactCacheOptions {
  root: string;
  build: BuildArtifact;
  /** Default 2 s. */
  settledMs?: number;
}

/**
 * The artefact of the working tree. A build takes some hundred milliseconds, finding that nothing has changed since
 * the last one takes a few: every file and folder that it read is looked at (size, inode and times, not contents).
 */
export class ArtifactCache {
  readonly #options: ArtifactCacheOptions;
  #kept: { artifact: BuiltArtifact; stamps: ReadonlyMap<string, string> } | undefined;

  constructor(options: ArtifactCacheOptions) {
    this.#options = options;
  }

  /** The artefact of the last build, unless something that went into it has changed. */
  async unchanged(): Promise<BuiltArtifact | undefined> {
    const kept = this.#kept;
    if (kept === undefined) return undefined;
    const now = await stampsOf(kept.stamps.keys());
    for (const [path, stamp] of kept.stamps) if (now.get(path)?.text !== stamp) return undefined;
    return kept.artifact;
  }

  async build(): Promise<BuiltArtifact> {
    this.#kept = undefined;
    const { root, build, settledMs = SETTLED_MS } = this.#options;
    const startedAt = Date.now();
    const paths = new Set<string>();
    const artifact = await build(root, (path) => paths.add(path));
    // Taken after reading, so whatever changed in between must show by its age.
    const stamps = await stampsOf(paths);
    const youngest = Math.max(0, ...[...stamps.values()].map(({ changedAtMs }) => changedAtMs));
    if (youngest < startedAt - settledMs) {
      this.#kept = { artifact, stamps: new Map([...stamps].map(([path, { text }]) => [path, text])) };
    }
    return artifact;
  }
}

interface Stamp {
  readonly text: string;
  readonly changedAtMs: number;
}

async function stampsOf(paths: Iterable<string>): Promise<Map<string, Stamp>> {
  return new Map(await Promise.all([...paths].map(async (path) => [path, await stampOf(path)] as const)));
}

/** `ctime` cannot be set back, so an older file that takes another's place shows, too. */
async function stampOf(path: string): Promise<Stamp> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined) return { text: 'absent', changedAtMs: 0 };
  const { size, ino, mtimeNs, ctimeNs } = found;
  return { text: `${size} ${ino} ${mtimeNs} ${ctimeNs}`, changedAtMs: Number(ctimeNs / 1_000_000n) };
}
