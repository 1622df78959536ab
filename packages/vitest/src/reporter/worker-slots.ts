import type { PosternRunMeta } from './meta.ts';
import type { RecordedFile } from './recorded.ts';

/**
 * Gives slots to files of a vitest that does not tell them: each file gets the lowest slot that is free when it begins.
 * As many lanes as files that ran at once, though not surely the same processes.
 */
export function withSlots(files: readonly RecordedFile[]): readonly RecordedFile[] {
  const freeAt = new Map<string, number[]>();
  const slots = new Map<RecordedFile, number>();
  const known = new Set(files.filter(({ run }) => run.slot > 0).map(({ run }) => run.run));
  for (const file of files.toSorted((a, b) => a.run.queuedAt - b.run.queuedAt)) {
    const { run, queuedAt, endedAt } = file.run;
    if (known.has(run)) continue;
    const lanes = freeAt.get(run) ?? [];
    freeAt.set(run, lanes);
    const free = lanes.findIndex((end) => end <= queuedAt);
    const lane = free === -1 ? lanes.length : free;
    lanes[lane] = endedAt;
    slots.set(file, lane + 1);
  }
  return files.map((file) => {
    const slot = slots.get(file);
    return slot === undefined ? file : { ...file, run: { ...file.run, slot } satisfies PosternRunMeta };
  });
}
