import type { ManifestDatabase } from '@postern/bootstrap/contract';

/** Who a test is when it names no role: the only declared one that may read and write, if it can log in. */
export function defaultRoleOf(
  { roles }: Pick<ManifestDatabase, 'roles'>,
  logins: Readonly<Record<string, string>>,
): { defaultRole?: string } {
  const [writer, ...others] = roles.filter(
    ({ name, intent }) => intent === 'readwrite' && Object.hasOwn(logins, name),
  );
  return writer === undefined || others.length > 0 ? {} : { defaultRole: writer.name };
}
