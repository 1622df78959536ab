import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PosternVitestError } from './errors.ts';

/** The part of a vitest project that is needed to find and load its database declaration. */
interface DeclaringProject {
  readonly config: { readonly root: string };
  import<T>(moduleId: string): Promise<T>;
}

const FILES = ['ts', 'mts', 'js', 'mjs'].map((extension) => join('database', `database.${extension}`));

/**
 * Name of the database that `<root of the vitest project>/database/database.ts` declares; when it declares several, of the
 * one that `POSTERN_DATABASE` names. The file is loaded by vitest, so it may be written in whatever the project's own
 * sources may.
 */
export async function declaredDatabase(
  project: DeclaringProject,
  wanted: string | undefined = process.env['POSTERN_DATABASE'],
): Promise<string> {
  const { root } = project.config;
  const file = FILES.map((name) => join(root, name)).find((path) => existsSync(path));
  if (file === undefined) {
    throw new PosternVitestError('VITEST_DATABASE_MISSING', {
      kind: 'not-found',
      message: `There is no database/database.ts in ${root}, the root of this vitest project.`,
      hint: "Declare the service's database there (export default defineDatabase({ name, roles }) from @postern/bootstrap), or set `root` in the vitest configuration to the folder of the service.",
    });
  }
  const exported = await load(project, file);
  const names = (Array.isArray(exported) ? exported : [exported]).map(
    (declaration: { name?: unknown } | null | undefined) => declaration?.name,
  );
  if (names.length > 0 && names.every((name) => typeof name === 'string')) return choose(names, file, wanted);
  throw new PosternVitestError('VITEST_DATABASE_INVALID', {
    kind: 'invalid',
    message: `${file} does not export a database declaration as its default export.`,
    hint: 'Write: export default defineDatabase({ name: "…", roles: { … } }) with defineDatabase from @postern/bootstrap.',
  });
}

function choose(names: readonly string[], file: string, wanted: string | undefined): string {
  const [only] = names;
  if (names.length === 1 && only !== undefined && !wanted) return only;
  if (wanted && names.includes(wanted)) return wanted;
  throw new PosternVitestError('VITEST_DATABASE_INVALID', {
    kind: 'invalid',
    message: wanted
      ? `POSTERN_DATABASE names "${wanted}"; ${file} declares ${names.join(', ')}.`
      : `${file} declares several databases: ${names.join(', ')}.`,
    hint: `Set POSTERN_DATABASE to the one that this suite is about: ${names.join(' or ')}.`,
  });
}

async function load(project: DeclaringProject, file: string): Promise<unknown> {
  try {
    return (await project.import<{ default?: unknown }>(file)).default;
  } catch (cause) {
    throw new PosternVitestError('VITEST_DATABASE_INVALID', {
      kind: 'invalid',
      message: `${file} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'Correct the file: it must load on its own, without a database and without side effects.',
      cause,
    });
  }
}
