import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Report, startReport, writeReport } from '../tunnel/report/report.ts';
import { figure, renderTable } from '../tunnel/report/table.ts';
import { UsageError } from '../tunnel/tunnel.ts';
import { growthSettings, measureGrowth } from './growth/grow.ts';
import { interruptible } from './interruptible.ts';
import { localSettings, measureLocal } from './local.ts';
import { measureRemote, remoteSettings } from './remote/remote.ts';
import type { Run } from './run.ts';
import { isMet, TARGET_HEAD, type Target, targetRow } from './tables/targets.ts';

const DEFAULT_FILE = join(import.meta.dirname, '../../.cache/test-databases.json');

/** Runs one part of the bench and prints its tables, and which targets were met. */
export async function testDatabases(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const part = options.remote ? 'remote' : options.grow ? 'grow' : 'local';
  await interruptible(async (signal) => {
    const run: Run = { signal, progress: say, quick: options.quick };
    const report = startReport({ quick: options.quick, site: part });
    const targets = await measure(part, report, run);
    const file = part === 'local' ? DEFAULT_FILE : DEFAULT_FILE.replace('.json', `-${part}.json`);
    await writeReport(file, Object.assign(report, { targets }));
    if (options.json) console.log(JSON.stringify(report));
    else print(report, targets, file);
  });
}

async function measure(part: 'local' | 'remote' | 'grow', report: Report, run: Run): Promise<Target[]> {
  if (part === 'remote') return await measureRemote(report, run, remoteSettings(run.quick));
  if (part === 'grow') {
    await measureGrowth(report, run, growthSettings(run.quick));
    return [];
  }
  return await measureLocal(report, run, localSettings(run.quick));
}

function print(report: Report, targets: readonly Target[], file: string): void {
  for (const { title, head, rows, notes, seconds, load } of Object.values(report.benches)) {
    console.log(`${title}\n\n${renderTable(head, rows)}\n`);
    for (const note of notes) console.log(note);
    const [before, after] = [load.before, load.after].map((averages) => averages.map(figure).join(' '));
    console.log(`Load averages before ${before}, after ${after}; took ${figure(seconds)} s.\n`);
  }
  if (targets.length > 0) {
    console.log(`Targets\n\n${renderTable(TARGET_HEAD, targets.map(targetRow))}\n`);
    const missed = targets.filter((target) => !isMet(target)).length;
    console.log(`${targets.length - missed} of ${targets.length} met.`);
  }
  console.log(`${report.processor}, ${report.cores} cores, Node ${report.node}. Figures: ${file}`);
}

const startedAt = performance.now();

function say(text: string): void {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.error(`[${seconds} s] ${text}`);
}

interface Options {
  readonly quick: boolean;
  readonly remote: boolean;
  readonly grow: boolean;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): Options {
  const boolean = { type: 'boolean', default: false } as const;
  let values: Options;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: { quick: boolean, remote: boolean, grow: boolean, json: boolean },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.remote && values.grow) throw new UsageError('--remote and --grow are measured one at a time.');
  return values;
}
