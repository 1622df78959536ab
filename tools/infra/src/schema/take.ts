import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { extract, sourceInside } from './extract.ts';
import { type ProviderSchema, readSchema, schemaFile } from './schema.ts';

const packageName = '@cdktf/provider-aws';
const packageVersion = '21.22.1';
const providerVersion = '6.25.0';

const cache = new URL('../../.cache/', import.meta.url);

export interface Wanted {
  resources: readonly string[];
  data: readonly string[];
}

/**
 * Adds the missing types to the schema file, or with `all` makes it anew from the wanted ones only. The package (37 MB) is fetched with npm into
 * `.cache` the first time; no test does that.
 */
export function takeSchema(wanted: Wanted, { all = false }: { all?: boolean } = {}): string[] {
  const before: ProviderSchema | undefined = existsSync(schemaFile) ? readSchema() : undefined;
  const resources = all ? {} : { ...before?.resources };
  const data = all ? {} : { ...before?.data };
  const missing = [
    ...wanted.resources.filter((type) => all || !(type in resources)).map((type) => ({ type, folder: '' })),
    ...wanted.data.filter((type) => all || !(type in data)).map((type) => ({ type, folder: 'data-aws-' })),
  ].map(({ type, folder }) => ({ type, folder: folder + type.replace(/^aws_/, '').replaceAll('_', '-') }));
  if (missing.length === 0 && before !== undefined) return [];
  const sources = unpack(['provider', ...missing.map(({ folder }) => folder)]);
  const provider = extract(sources.get('provider') ?? '');
  for (const { type, folder } of missing) {
    const taken = extract(sources.get(folder) ?? '');
    if (taken.type !== type) throw new Error(`${folder} of ${packageName} is ${taken.type}, not ${type}`);
    if (taken.kind === 'data') data[type] = taken.block;
    else resources[type] = taken.block;
  }
  const schema: ProviderSchema = {
    provider: providerVersion,
    source: `${packageName} ${packageVersion}`,
    configuration: provider.block,
    resources: sorted(resources),
    data: sorted(data),
  };
  writeFileSync(schemaFile, format(JSON.stringify(schema)));
  return missing.map(({ type }) => type);
}

function unpack(folders: readonly string[]): Map<string, string> {
  mkdirSync(cache, { recursive: true });
  const tarball = new URL(`cdktf-provider-aws-${packageVersion}.tgz`, cache);
  if (!existsSync(tarball)) {
    execFileSync('npm', ['pack', '--silent', `${packageName}@${packageVersion}`], { cwd: cache });
  }
  const target = new URL('provider-aws/', cache);
  mkdirSync(target, { recursive: true });
  try {
    const members = folders.map((folder) => `package/lib/${folder}/index.js`);
    execFileSync('tar', ['-xzf', fileURLToPath(tarball), '-C', fileURLToPath(target), ...members]);
    return new Map(
      folders.map((folder) => {
        const javascript = readFileSync(new URL(`package/lib/${folder}/index.js`, target), 'utf8');
        return [folder, sourceInside(javascript)];
      }),
    );
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

/** As biome wants JSON of this repository, so that the file is not a finding of the lint. */
function format(json: string): string {
  return execFileSync('biome', ['format', '--stdin-file-path=schema.json'], {
    input: json,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}

function sorted<V>(record: Record<string, V>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
