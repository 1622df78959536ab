/** The values a policy can ask for, by lower-case key. */
export type ContextIndex = ReadonlyMap<string, readonly string[]>;

/** A compiled pattern: text that must match literally, and the two wildcards. */
type Token = { readonly literal: string } | '*' | '?';

const variable = /\$\{([^}]*)\}/g;

/**
 * Compiles a policy text. `undefined` when it names a variable that the request does not have: such a text
 * matches nothing. A variable's value is literal, so a user called `*` gains nothing by it.
 */
export function compile(
  text: string,
  context: ContextIndex | undefined,
  wildcards: boolean,
): readonly Token[] | undefined {
  if (context === undefined) return tokens(text, wildcards);
  const result: Token[] = [];
  let from = 0;
  for (const match of text.matchAll(variable)) {
    result.push(...tokens(text.slice(from, match.index), wildcards));
    const value = resolve(match[1] as string, context);
    if (value === undefined) return undefined;
    result.push({ literal: value });
    from = match.index + match[0].length;
  }
  result.push(...tokens(text.slice(from), wildcards));
  return result;
}

/** `${key}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}`. */
function resolve(expression: string, context: ContextIndex): string | undefined {
  if (expression === '*' || expression === '?' || expression === '$') return expression;
  const match = /^\s*([^,\s]+)\s*(?:,\s*'([^']*)'\s*)?$/.exec(expression);
  if (match === null) return undefined;
  const values = context.get((match[1] as string).toLowerCase());
  // A key with several values cannot stand in a text.
  return values?.length === 1 ? values[0] : match[2];
}

function tokens(text: string, wildcards: boolean): Token[] {
  if (!wildcards) return text === '' ? [] : [{ literal: text }];
  return text
    .split(/([*?])/)
    .filter((part) => part !== '')
    .map((part) => (part === '*' || part === '?' ? part : { literal: part }));
}

/** Greedy with one retry point (the last star): quadratic at worst, whatever the number of stars. */
export function matchesTokens(pattern: readonly Token[], text: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let retryAt = 0;
  for (;;) {
    const current = pattern[token];
    if (current === undefined) {
      if (at === text.length) return true;
    } else if (current === '*') {
      star = token++;
      retryAt = at;
      continue;
    } else if (current === '?') {
      if (at < text.length) {
        token++;
        at++;
        continue;
      }
    } else if (text.startsWith(current.literal, at)) {
      token++;
      at += current.literal.length;
      continue;
    }
    if (star < 0 || retryAt >= text.length) return false;
    token = star + 1;
    at = ++retryAt;
  }
}

/** Wildcards without variables: actions, and names in trust policies. */
export function matchesWildcard(pattern: string, text: string): boolean {
  return matchesTokens(tokens(pattern, true), text);
}

/**
 * ARN matching: a wildcard stays within its segment, except in the last one, which may hold colons itself.
 * An ARN with fewer than six segments is completed with `*`.
 */
export function matchesArn(pattern: string, arn: string, context: ContextIndex | undefined): boolean {
  if (pattern === '*') return true;
  const wanted = splitArn(pattern);
  const actual = splitArn(arn);
  if (wanted === undefined || actual === undefined || actual.length !== 6) {
    const compiled = compile(pattern, context, true);
    return compiled !== undefined && matchesTokens(compiled, arn);
  }
  while (wanted.length < 6) wanted.push('*');
  return wanted.every((segment, index) => {
    const compiled = compile(segment, context, true);
    return compiled !== undefined && matchesTokens(compiled, actual[index] as string);
  });
}

/** Splits at the first five colons that are not inside `${…}`. */
function splitArn(text: string): string[] | undefined {
  if (!text.startsWith('arn:')) return undefined;
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length && parts.length < 5; i++) {
    const char = text[i];
    if (char === '$' && text[i + 1] === '{') depth++;
    else if (char === '}' && depth > 0) depth--;
    else if (char === ':' && depth === 0) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}
