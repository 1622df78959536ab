import { quoteIdentifier } from '@postern/test-databases/server';
import { quoteLiteral } from './statement.ts';

/**
 * Settings that PostgreSQL keeps as a list of quoted names (GUC_LIST_QUOTE): `SET search_path = 'a, b'` would mean one
 * schema with a comma in its name, so each element is quoted for itself.
 */
const listSettings = [
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
];

/** What has to be set, and what is set beyond it. Names are compared as PostgreSQL does, without regard to case. */
export function compareSettings(
  found: readonly string[],
  wanted: Readonly<Record<string, string>>,
): { readonly missing: readonly (readonly [string, string])[]; readonly extra: readonly string[] } {
  const held = new Map<string, { name: string; value: string }>();
  for (const entry of found) {
    const at = entry.indexOf('=');
    held.set(entry.slice(0, at).toLowerCase(), { name: entry.slice(0, at), value: entry.slice(at + 1) });
  }
  const names = new Set(Object.keys(wanted).map((name) => name.toLowerCase()));
  return {
    missing: Object.entries(wanted).filter(([name, value]) => {
      const current = held.get(name.toLowerCase());
      return current === undefined || canonical(name, current.value) !== canonical(name, value);
    }),
    extra: [...held].filter(([name]) => !names.has(name)).map(([, { name }]) => name),
  };
}

/** `name = value` for SET. */
export function assignment(name: string, value: string): string {
  const values = isList(name) ? elements(value) : [value];
  return `${settingName(name)} = ${values.map(quoteLiteral).join(', ')}`;
}

/** A setting's name as SQL takes it; the parts of a custom one (`app.tenant`) may be key words. */
export function settingName(name: string): string {
  return name.includes('.') ? name.split('.').map(quoteIdentifier).join('.') : name;
}

function isList(name: string): boolean {
  return listSettings.includes(name.toLowerCase());
}

function canonical(name: string, value: string): string {
  return isList(name) ? JSON.stringify(elements(value)) : value;
}

/** The elements of a list as SplitIdentifierString reads them: folded to lower case unless quoted. */
function elements(list: string): string[] {
  const found: string[] = [];
  for (const [, quoted, plain] of list.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,"]*))\s*(?:,|$)/g)) {
    if (quoted !== undefined) found.push(quoted.replaceAll('""', '"'));
    else if (plain?.trim()) found.push(plain.trim().toLowerCase());
  }
  return found.length > 0 ? found : [''];
}
