import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, vi } from 'vitest';

const repository = join(import.meta.dirname, '../../..');

/** Two seconds of grace after the last client, then what giving everything back takes on a busy machine. */
const GONE_WITHIN_MS = 30_000;

/** A second clone of this repository, as it is in the working tree, with a temporary folder of its own. */
export interface Clone {
  readonly root: string;
  write(path: string, content: string): void;
  read(path: string): string;
  start(...args: string[]): MainJob;
  /** Waits until no process and no file of any run in this clone is left. */
  nothingLeft(): Promise<void>;
  remove(): Promise<void>;
}

interface MainJob {
  /** Only the process of the main job, not its children. */
  kill(signal: NodeJS.Signals): void;
  /** To all processes of the terminal, as Ctrl-C does. */
  killGroup(signal: NodeJS.Signals): void;
  /** Waits until the text has been printed. */
  printed(text: string): Promise<void>;
  readonly ended: Promise<{ code: number | null; output: string }>;
}

export function cloneRepository(environment: Record<string, string> = {}): Clone {
  const scratch = mkdtempSync(join(tmpdir(), 'pc-'));
  chmodSync(scratch, 0o711); // as root, Postgres runs as another user and has to get through
  const root = join(scratch, 'repository');
  const temporary = join(scratch, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: repository,
  });
  for (const file of files.toString().split('\n')) {
    if (file === '' || !existsSync(join(repository, file))) continue; // deleted and not yet committed
    mkdirSync(dirname(join(root, file)), { recursive: true });
    cpSync(join(repository, file), join(root, file), { force: true });
  }
  linkDependencies(root);
  const jobs = new Set<MainJob>();
  return {
    root,
    write: (path, content) => writeFileSync(join(root, path), content),
    read: (path) => readFileSync(join(root, path), 'utf8'),
    start(...args) {
      const job = startMainJob(root, args, { ...environment, TMPDIR: temporary });
      jobs.add(job);
      return job;
    },
    async nothingLeft() {
      await vi.waitFor(
        () => {
          expect(processesOf(temporary)).toEqual([]);
          expect(readdirSync(temporary)).toEqual([]);
        },
        { timeout: GONE_WITHIN_MS, interval: 100 },
      );
    },
    async remove() {
      for (const job of jobs) job.killGroup('SIGKILL');
      await Promise.all([...jobs].map(({ ended }) => ended));
      await this.nothingLeft();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** Installed packages are shared, ours are the clone's own. */
function linkDependencies(root: string): void {
  const source = join(repository, 'node_modules');
  const target = join(root, 'node_modules');
  mkdirSync(join(target, '@postern'), { recursive: true });
  for (const entry of readdirSync(source)) {
    if (entry !== '@postern') symlinkSync(join(source, entry), join(target, entry));
  }
  for (const entry of readdirSync(join(source, '@postern'))) {
    symlinkSync(join(root, 'packages', entry), join(target, '@postern', entry));
  }
  // The prepared server is a cache; sharing it saves seconds and proves nothing less.
  const prepared = '.cache/postern/postgres';
  mkdirSync(join(repository, prepared), { recursive: true, mode: 0o700 });
  mkdirSync(dirname(join(root, prepared)), { recursive: true, mode: 0o700 });
  symlinkSync(join(repository, prepared), join(root, prepared));
}

function startMainJob(root: string, args: string[], environment: Record<string, string>): MainJob {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|POSTERN_|NX_|NODE_OPTIONS$|NODE_ENV$|FORCE_COLOR$)/.test(name),
  );
  const child = spawn(process.execPath, ['tools/scripts/run.mjs', 'tools/start/src/main.ts', ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const check of waiting) check();
    });
  }
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, output }));
  });
  return {
    kill: (signal) => void child.kill(signal),
    killGroup(signal) {
      try {
        process.kill(-(child.pid ?? 0), signal);
      } catch {
        // All of it has ended.
      }
    },
    async printed(text) {
      await new Promise<void>((resolve, reject) => {
        const check = (): void => {
          if (!output.includes(text)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
        void ended.then(() => reject(new Error(`ended without printing "${text}":\n${output}`)));
      });
    },
    ended,
  };
}

/** Processes whose arguments or environment name the folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return ['cmdline', 'environ'].some((file) =>
        readFileSync(`/proc/${entry}/${file}`, 'utf8').includes(folder),
      );
    } catch {
      return false; // ended meanwhile
    }
  });
}
