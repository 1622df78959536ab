import { registerHooks } from 'node:module';
import { parse } from 'yaml';

// GitHub's parser imports its schemas without saying that they are JSON, which bundlers take and Node does not.
const hooks = registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const isSchema = /\/workflow-parser\/dist\/[^/]+\.json$/.test(resolved.url);
    return isSchema ? { ...resolved, importAttributes: { type: 'json' } } : resolved;
  },
});
const { NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser');
hooks.deregister();

export interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly if?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly strategy?: { readonly matrix?: Readonly<Record<string, readonly string[]>> };
  readonly steps: readonly Step[];
  readonly 'timeout-minutes'?: number;
}

export interface Workflow {
  readonly text: string;
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** What GitHub's own parser says against it: YAML, keys, contexts and functions of expressions. */
export function parserErrors(name: string, text: string): string[] {
  return parseWorkflow({ name, content: text }, new NoOperationTraceWriter())
    .context.errors.getErrors()
    .map(({ message }) => message);
}

/** Only for texts that GitHub's parser takes. */
export function readWorkflow(text: string): Workflow {
  return { text, ...(parse(text) as Omit<Workflow, 'text'>) };
}

/** Action, reference and the comment behind it, of every line with `uses:`. */
export function usesOf(text: string): { action: string; reference: string; comment: string }[] {
  return [...text.matchAll(/^\s*(?:- )?uses: *(\S+?)@(\S+)(.*)$/gm)].map(
    ([, action = '', reference = '', comment = '']) => ({ action, reference, comment: comment.trim() }),
  );
}

/** Names of `vars.…` that it reads. */
export function variablesOf(text: string): string[] {
  return [...new Set([...text.matchAll(/\bvars\.(\w+)/g)].map(([, name]) => name as string))].sort();
}
