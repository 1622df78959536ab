import { randomInt } from 'node:crypto';

/** RDS generates passwords with characters that are unsafe in URLs; so does this. */
export function masterPassword(): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const special = '#$%&*+,-.:;<=>?[]^_|~!(){}';
  const pick = (from: string): string => from.charAt(randomInt(from.length));
  return Array.from({ length: 28 }, (_, index) => pick(index % 4 === 3 ? special : letters)).join('');
}
