import { chmod, cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url));

/** A copy of the ledger and its configuration, with caches of its own that can be emptied. */
export interface LedgerWorkspace extends AsyncDisposable {
  readonly cache: string;
  readonly ledger: string;
  readonly migrations: string;
  /** For the server of the setup by hand. */
  readonly runDir: string;
  /** Of vitest: with Postern, and by hand. */
  readonly configs: { readonly postern: string; readonly plain: string };
  readonly vitest: string;
}

export async function copyLedger(): Promise<LedgerWorkspace> {
  const base = await realpath(await mkdtemp(join(tmpdir(), 'pbw-')));
  // As root the server runs as another user, who has to get through to the run folders.
  if (process.getuid?.() === 0) await chmod(base, 0o711);
  const root = join(base, 'ws');
  const ledger = join(root, 'apps', 'ledger');
  await mkdir(ledger, { recursive: true });
  for (const name of ['package.json', 'postern.config.ts'])
    await cp(join(REPOSITORY, name), join(root, name));
  for (const name of ['package.json', 'src', 'test', 'database']) {
    await cp(join(REPOSITORY, 'apps', 'ledger', name), join(ledger, name), { recursive: true });
  }
  await symlink(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  const configs = {
    postern: join(ledger, 'vitest.postern.config.ts'),
    plain: join(ledger, 'vitest.plain.config.ts'),
  };
  const vitestBase = JSON.stringify(join(REPOSITORY, 'vitest.base.ts'));
  await writeFile(
    configs.postern,
    `import { integration } from ${vitestBase};\nexport default integration;\n`,
  );
  const setup = JSON.stringify(fileURLToPath(new URL('plain/global-setup.ts', import.meta.url)));
  const standIn = JSON.stringify(fileURLToPath(new URL('plain/postern-vitest.ts', import.meta.url)));
  await writeFile(
    configs.plain,
    `import { base } from ${vitestBase};
export default {
  ...base,
  test: {
    ...base.test,
    include: ['test/integration/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    globalSetup: [${setup}],
    alias: { '@postern/vitest': ${standIn} },
  },
};
`,
  );
  return {
    cache: join(root, '.cache'),
    ledger,
    migrations: join(ledger, 'database', 'migrations'),
    runDir: join(base, 'run'),
    configs,
    vitest: join(REPOSITORY, 'node_modules', 'vitest', 'vitest.mjs'),
    [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true }),
  };
}
