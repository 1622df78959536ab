import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

export interface ImportCost {
  readonly wallMs: number;
  /** User and system time of the process: what remains comparable while other processes want the cores. */
  readonly cpuMs: number;
  /** The most memory that the process had, with Node's own. */
  readonly peakBytes: number;
}

/** What `await import(file)` costs in a fresh process. */
export async function measureImport(file: string): Promise<ImportCost> {
  const code = `const before = process.cpuUsage(), start = performance.now();
await import(${JSON.stringify(pathToFileURL(file).href)});
const wallMs = performance.now() - start, { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 }));
process.exit();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
    env: { PATH: process.env['PATH'] ?? '' },
  });
  return JSON.parse(stdout) as ImportCost;
}
