import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';

interface PackageFacts {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Of its licence and notice files. */
  readonly text: string;
}

/**
 * The licence notices of every package that went into the artefact, most of which ask for that. Packages with the very same
 * text share it.
 */
export async function thirdPartyNotices(inputs: Iterable<string>): Promise<string> {
  const packages = new Map<string, PackageFacts>();
  for (const folder of new Set([...inputs].flatMap(packageFolder))) {
    const facts = await readPackage(folder);
    if (facts && !facts.name.startsWith('@postern/')) packages.set(`${facts.name} ${facts.version}`, facts);
  }
  const byText = new Map<string, string[]>();
  for (const key of [...packages.keys()].sort()) {
    const { license, text } = packages.get(key) as PackageFacts;
    byText.set(text, [...(byText.get(text) ?? []), `${key} (${license})`]);
  }
  const parts = [...byText].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`);
  return `This artefact contains the following packages.\n\n${parts.join(`\n${'-'.repeat(40)}\n\n`)}`;
}

/** The folder of the package that a file belongs to; none for files of the workspace. */
function packageFolder(file: string): string[] {
  const parts = file.split(sep);
  const at = parts.lastIndexOf('node_modules');
  if (at < 0) return [];
  const length = parts[at + 1]?.startsWith('@') ? 3 : 2;
  return [parts.slice(0, at + length).join(sep)];
}

async function readPackage(folder: string): Promise<PackageFacts | undefined> {
  const source = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
  if (source === undefined) return undefined;
  const { name = '', version = '', license, author } = JSON.parse(source) as Record<string, unknown>;
  const files = (await readdir(folder)).sort();
  const texts: string[] = [];
  for (const file of files.filter((name) => /^(?:licen[cs]e|notice|copying|copyright)[^/]*$/i.test(name)))
    texts.push(await readText(join(folder, file)));
  // A few have it in their readme only.
  const readme = texts.length === 0 ? files.find((name) => /^readme/i.test(name)) : undefined;
  if (readme !== undefined) {
    const [, section] =
      /^#+\s*licen[cs]e\s*#*$([\s\S]*?)(?=^#|$(?![\s\S]))/im.exec(await readText(join(folder, readme))) ?? [];
    if (section?.trim()) texts.push(section.trim());
  }
  if (texts.length === 0) texts.push(`No licence file. Author: ${nameOf(author) || 'not named'}.`);
  return {
    name: String(name),
    version: String(version),
    license: typeof license === 'string' ? license : nameOf(license) || 'no licence named',
    text: texts.join('\n\n'),
  };
}

/** People and, in old packages, licences are texts or objects. */
function nameOf(value: unknown): string {
  const { name, type } = Object(value) as { name?: unknown; type?: unknown };
  return typeof value === 'string' ? value : String(name ?? type ?? '');
}

async function readText(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(/[ \t]+$/gm, '')
    .trim();
}
