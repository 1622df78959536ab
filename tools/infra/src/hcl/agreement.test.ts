import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HclSyntaxError } from './cursor.ts';
import { parseHcl } from './file.ts';
import { parseByHashicorp } from './hashicorp.ts';
import { type Body, constantKey, type Expression } from './syntax.ts';

/**
 * Positions come from our parser and the authority from HashiCorp's, so both must see the same in every file that is
 * checked, and refuse the same texts.
 */
const root = fileURLToPath(new URL('../../../..', import.meta.url));

const computed = Symbol('computed');

/** As hcl2json writes a body; what is computed stands for any text with an expression in it. */
function plain(body: Body): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const { name, value } of body.attributes.values()) out[name] = plainValue(value);
  for (const { type, labels, body: inner } of body.blocks) {
    let at = out;
    for (const key of [type, ...labels.slice(0, -1).map(({ text }) => text)]) {
      at[key] ??= {};
      at = at[key] as Record<string, unknown>;
    }
    const last = labels.at(-1)?.text;
    if (last !== undefined) {
      at[last] ??= [];
      (at[last] as unknown[]).push(plain(inner));
    } else {
      const list = Array.isArray(out[type]) ? (out[type] as unknown[]) : [];
      out[type] = [...list, plain(inner)];
    }
  }
  return out;
}

function plainValue(expression: Expression): unknown {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'template': {
      const text = expression.parts.map((part) => (part.kind === 'text' ? part.text : undefined));
      return expression.heredoc || text.includes(undefined) || text.join('').includes('{')
        ? computed
        : text.join('');
    }
    case 'tuple':
      return expression.items.map(plainValue);
    case 'object':
      return Object.fromEntries(
        expression.items.map(({ key, value }) => [constantKey(key) ?? computed, plainValue(value)]),
      );
    default:
      return computed;
  }
}

/** Replaces in theirs what is computed in ours, so that the rest can be compared as a whole. */
function masked(ours: unknown, theirs: unknown): unknown {
  if (ours === computed) return typeof theirs === 'object' ? theirs : computed;
  if (Array.isArray(ours) && Array.isArray(theirs))
    return theirs.map((item, index) => masked(ours[index], item));
  if (typeof ours !== 'object' || ours === null || typeof theirs !== 'object' || theirs === null)
    return theirs;
  const known = ours as Record<string | symbol, unknown>;
  return Object.fromEntries(
    Object.entries(theirs).map(([key, value]) => {
      // hcl2json writes a computed key as an expression in braces.
      const ourKey = key.startsWith('$') ? computed : key;
      return [ourKey, masked(known[ourKey], value)];
    }),
  );
}

const files = [
  ...globSync('infra/**/*.{tf,tftest.hcl}', { cwd: root }),
  ...globSync('tools/infra/src/checks/fixtures/healthy/**/*.{tf,tftest.hcl}', { cwd: root }),
];

/** What is easily read wrongly. */
const tricky: Record<string, string> = {
  'comments everywhere': 'a = 1 # one\n/* two\n lines */ b = 2 // three\nx "y" { # four\n}\n',
  'operators over lines in parentheses': 'a = (\n  1 +\n  2\n)\nb = 3\n',
  'a condition over lines in a call': 'a = max(\n  true ? 1 : 2,\n  3,\n)\n',
  escapes: 'a = "\\"\\\\ \\n \\u00e9 $$ %% "\nb = "%"\nc = "$"\n',
  'strings inside of strings': `a = "x\${f("y\${"z"}")}"\nb = 1\n`,
  'heredocs with braces': `a = <<-EOT\n  { "b": "\${x}" }\n  EOT_\n  EOT\nb = 1\n`,
  'names with hyphens and digits': 'a-b = c-d\ne1 = f.0.g\n',
  'objects with commas and colons': 'a = { b : 1, "c d" = 2, (e) = 3, }\nf = {}\n',
  loops: 'a = [for x in y : x if x != ""]\nb = { for k, v in y : k => v... if true }\nfor = 1\n',
  'splats and indexes': 'a = b[*].c[0]\nd = e.*.f\ng = h["i"].j\n',
  'signs and powers': 'a = 1.5e3\nb = -2\nc = !true\nd = 1 >= 2 && 3 <= 4\n',
  'blocks in one line': 'a "b" "c" { d = 1 }\ne { f = "g" }\n',
};

describe('a finding that names the wrong place, or none, because two parsers read two things', () => {
  it.each(files)('%s', async (path) => {
    const text = readFileSync(`${root}/${path}`, 'utf8');
    const ours = plain(parseHcl(path, text).body);
    expect(masked(ours, await parseByHashicorp(path, text))).toEqual(ours);
  });

  it.each(Object.entries(tricky))('%s', async (name, text) => {
    const ours = plain(parseHcl(name, text).body);
    expect(masked(ours, await parseByHashicorp('a.tf', text))).toEqual(ours);
  });

  const wrong = [
    'a = ',
    'a = 1 2',
    'a "b" {',
    'a = "b',
    'a = [1, 2',
    'a = { b = 1 c = 2 }',
    'a = f(1',
    'a = b ? c',
    'a = <<E\nb\n',
    'a = 1\na = 2',
    'a = "${b"',
    '= 1',
    'a = [for x : x]',
    'a { b = 1 } c = 2',
    'a = b +',
    'a = "\\q"',
  ];

  it.each(wrong)('both refuse %j', async (text) => {
    await expect(parseByHashicorp('a.tf', `${text}\n`)).rejects.toThrow();
    expect(() => parseHcl('a.tf', `${text}\n`)).toThrow(HclSyntaxError);
  });
});
