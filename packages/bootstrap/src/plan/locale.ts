import type { ManifestOptions } from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import type { CatalogDatabase, ClusterCatalog } from './catalog.ts';
import { quoteLiteral } from './statement.ts';

/** `CREATE DATABASE` options for encoding and locale; they need template0. Empty without either. */
export function localeClause(
  name: string,
  options: ManifestOptions,
  catalog: Pick<ClusterCatalog, 'version'>,
): string {
  const { encoding, locale } = options;
  if (encoding === undefined && locale === undefined) return '';
  const parts = ['TEMPLATE template0'];
  if (encoding !== undefined) parts.push(`ENCODING ${quoteLiteral(encoding)}`);
  if (locale !== undefined) {
    if (locale.provider === 'builtin' && catalog.version < 170_000) {
      throw new BootstrapError(
        'BOOTSTRAP_SERVER_UNSUPPORTED',
        `database "${name}": the locale provider "builtin" needs PostgreSQL 17`,
        { hint: 'Declare a locale of libc or icu, or upgrade the cluster.' },
      );
    }
    const word = { libc: 'LOCALE', icu: 'ICU_LOCALE', builtin: 'BUILTIN_LOCALE' }[locale.provider];
    parts.push(`LOCALE_PROVIDER ${locale.provider} ${word} ${quoteLiteral(locale.name)}`);
  }
  return ` ${parts.join(' ')}`;
}

/** Refuses a database that has other ones than declared: they cannot be changed. */
export function checkLocale(
  found: CatalogDatabase,
  options: ManifestOptions,
  encodings: Readonly<Record<string, string>>,
): void {
  const { encoding, locale } = options;
  if (encoding !== undefined && found.encoding !== (encodings[encoding] || encoding)) {
    throw mismatch(found.name, `encoding ${found.encoding}`, `encoding ${encoding}`);
  }
  if (locale === undefined) return;
  const has = found.provider === 'libc' ? [found.collate, found.ctype] : [found.locale ?? ''];
  if (found.provider !== locale.provider || has.some((name) => spelling(name) !== spelling(locale.name))) {
    throw mismatch(
      found.name,
      `locale ${found.provider} ${[...new Set(has)].join('/')}`,
      `${locale.provider} ${locale.name}`,
    );
  }
}

function mismatch(name: string, has: string, declared: string): BootstrapError {
  return new BootstrapError(
    'BOOTSTRAP_DATABASE_CONFLICT',
    `database "${name}" has ${has}, declared is ${declared}`,
    {
      hint: 'It cannot be changed. Declare what the database has, or make a new database under another name and copy the data with pg_dump.',
      details: { database: name },
    },
  );
}

/** `en_US.UTF-8` and `en_US.utf8`, `de-DE` and `de_DE` are the same locale. */
function spelling(name: string): string {
  return name.toLowerCase().replace('utf-8', 'utf8').replaceAll('_', '-');
}
