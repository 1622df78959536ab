import { NxPluginError } from './errors.ts';
import type { PluginOptions } from './nx-types.ts';

/** Checks what `nx.json` says about this plugin; every problem is reported at once, by option name. */
export function resolveOptions(options: PluginOptions | undefined): Readonly<Required<PluginOptions>> {
  const { targetName = 'integration', env = {}, ...unknown } = (options ?? {}) as Record<string, unknown>;
  const problems = Object.keys(unknown).map((option) => `${option} is not an option`);
  if (typeof targetName !== 'string' || !/^[^\s:]+$/.test(targetName))
    problems.push('targetName must be a name without spaces and colons');
  if (!isStringRecord(env)) problems.push('env must map names to strings');
  if (problems.length > 0) {
    throw new NxPluginError('NX_OPTIONS_INVALID', {
      kind: 'invalid',
      message: `The options of @postern/nx are not valid: ${problems.join('; ')}.`,
      hint: 'Correct the entry of the plugin in nx.json: it takes { "targetName": string, "env": { … } }.',
    });
  }
  return Object.freeze({ targetName: targetName as string, env: env as Record<string, string> });
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((entry) => typeof entry === 'string')
  );
}
