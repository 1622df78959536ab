import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connectHost } from '@postern/connect/host';
import { vi } from 'vitest';
import { noProcessIn } from './left-behind.ts';

const repository = join(import.meta.dirname, '../../..');

/** A workspace in a folder of its own, with a service whose suite is run by a vitest of its own: what a user has. */
export interface InlineProject {
  readonly root: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Starts vitest for the service (or another folder); the process group is the child's own, as in a terminal. */
  start(options?: StartOptions): RunningVitest;
  /** Waits for what a test of the project wrote with {@link leaveNote}, and takes it away. */
  takeNote<T>(name: string, running: RunningVitest): Promise<T>;
  remove(options?: {
    /** There is a database that was kept, and so its host stays up for minutes. */
    keeping?: boolean;
  }): Promise<void>;
}

interface StartOptions {
  /** Default `apps/shop`. */
  folder?: string;
  /** Default false: `vitest run`. */
  watch?: boolean;
  /** For the command line. */
  args?: readonly string[];
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
}

export interface RunningVitest {
  readonly process: ChildProcess;
  /** To the whole group, as Ctrl-C does. */
  signalGroup(signal: NodeJS.Signals): void;
  /** Until now. */
  output(): string;
  readonly ended: Promise<VitestResult>;
}

export interface VitestResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Source text for a test of the project: writes `value` where {@link InlineProject.takeNote} finds it. */
export const leaveNote = (name: string, value: string): string =>
  `(await import('node:fs')).writeFileSync(${JSON.stringify(`${name}.draft`)}, JSON.stringify(${value})),
   (await import('node:fs')).renameSync(${JSON.stringify(`${name}.draft`)}, ${JSON.stringify(`${name}.json`)})`;

/** A workspace with a small service: a table and two roles. */
export const shop: Readonly<Record<string, string>> = {
  'package.json': '{"name":"workspace","type":"module","private":true}',
  'postern.config.ts': `
    import { defineConfig, local } from '@postern/connect';
    export default defineConfig({ environments: { local: local() } });
  `,
  'apps/shop/package.json': '{"name":"shop","type":"module"}',
  'apps/shop/database/database.ts': `
    import { defineDatabase } from '@postern/bootstrap';
    export default defineDatabase({ name: 'shop', roles: { shop_app: 'readwrite', shop_readonly: 'readonly' } });
  `,
  'apps/shop/database/migrations/0001_articles.sql':
    'CREATE TABLE articles (id int PRIMARY KEY, name text NOT NULL);',
  // Run from sources, without a build. A user's configuration needs neither the conditions nor import.meta.resolve.
  'apps/shop/vitest.config.ts': `
    import { fileURLToPath } from 'node:url';
    import { defineConfig } from 'vitest/config';
    const conditions = ['@postern/source', 'node', 'development|production'];
    export default defineConfig({
      ssr: { resolve: { conditions } },
      environments: { __vitest__: { resolve: { conditions } } },
      test: {
        globalSetup: [fileURLToPath(import.meta.resolve('@postern/vitest/global-setup'))],
        include: ['test/**/*.test.ts'],
        maxWorkers: 2,
        testTimeout: 60_000,
      },
    });
  `,
};

/** The same, with the plugin in place of the plain setup. */
export const withPlugin = (options = '', test = ''): Record<string, string> => ({
  'apps/shop/vitest.config.ts': `
    import { postern } from '@postern/vitest/plugin';
    import { defineConfig } from 'vitest/config';
    const conditions = ['@postern/source', 'node', 'development|production'];
    export default defineConfig({
      plugins: [postern(${options})],
      ssr: { resolve: { conditions } },
      environments: { __vitest__: { resolve: { conditions } } },
      test: { include: ['test/**/*.test.ts'], maxWorkers: 2, testTimeout: 60_000, ${test} },
    });
  `,
});

export async function inlineProject(files: Readonly<Record<string, string>>): Promise<InlineProject> {
  const root = await mkdtemp(join(tmpdir(), 'postern-vitest-'));
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'));
  // The prepared server is a cache: sharing it saves seconds and proves nothing less.
  const prepared = '.cache/postern/postgres';
  await mkdir(join(repository, prepared), { recursive: true, mode: 0o700 });
  await mkdir(dirname(join(root, prepared)), { recursive: true });
  await symlink(join(repository, prepared), join(root, prepared));
  const running = new Set<RunningVitest>();
  const project: InlineProject = {
    root,
    async write(more) {
      for (const [path, content] of Object.entries(more)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), content);
      }
    },
    start(options = {}) {
      const vitest = startVitest(root, options);
      running.add(vitest);
      void vitest.ended.then(() => running.delete(vitest));
      return vitest;
    },
    async takeNote<T>(name: string, vitest: RunningVitest) {
      const file = join(root, `${name}.json`);
      let early: VitestResult | undefined;
      void vitest.ended.then((result) => {
        early = result;
      });
      await vi.waitFor(
        () => {
          if (!existsSync(file)) throw early === undefined ? new Error('not yet') : new EndedEarly(early);
        },
        { timeout: 60_000, interval: 20 },
      );
      const note = JSON.parse(await readFile(file, 'utf8')) as T;
      await rm(file);
      return note;
    },
    async remove({ keeping = false } = {}) {
      for (const vitest of running) vitest.signalGroup('SIGKILL');
      await Promise.all([...running].map(({ ended }) => ended));
      if (keeping) await endHost(root);
      await noProcessIn(root);
      await rm(root, { recursive: true, force: true });
    },
  };
  await project.write(files);
  return project;
}

async function endHost(root: string): Promise<void> {
  await using host = await connectHost({ root });
  await host.shutdown();
}

class EndedEarly extends Error {
  constructor(result: VitestResult) {
    super(`vitest ended with ${result.code ?? result.signal} before the note was written:\n${result.output}`);
  }
}

function startVitest(
  root: string,
  { folder = 'apps/shop', watch = false, args = [], env: more = {} }: StartOptions,
): RunningVitest {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(?:VITEST|POSTERN_|PG|DATABASE_URL$|NODE_OPTIONS$|NODE_ENV$|TEST$|MODE$|DEV$|PROD$|FORCE_COLOR$|CI$)/.test(
          name,
        ),
    ),
  );
  const child = spawn(
    process.execPath,
    [
      join(repository, 'node_modules/vitest/vitest.mjs'),
      watch ? 'watch' : 'run',
      '--configLoader',
      'native',
      '--root',
      join(root, folder),
      ...args,
    ],
    {
      cwd: root,
      env: {
        ...env,
        NO_COLOR: '1',
        NODE_OPTIONS: '--conditions=@postern/source',
        POSTERN_HOST_GRACE_MS: '200',
        ...more,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return {
    process: child,
    output: () => output,
    signalGroup(signal) {
      try {
        process.kill(-(child.pid ?? 0), signal);
      } catch {
        // The group has gone already.
      }
    },
    ended: new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, output }));
    }),
  };
}
