/** One parameter of a session document. */
export interface SessionDocumentParameter {
  type: 'String';
  description?: string;
  /** Used when StartSession does not give the parameter. Without it the parameter is required. */
  default?: string;
  /** Regular expression that a given value has to match. */
  allowedPattern?: string;
  allowedValues?: readonly string[];
}

/**
 * A session document (`schemaVersion` 1.0), as `aws ssm create-document --document-type Session` takes it.
 * The simulator runs documents of session type `Port`.
 */
export interface SessionDocument {
  schemaVersion: '1.0';
  description?: string;
  sessionType: string;
  parameters?: Readonly<Record<string, SessionDocumentParameter>>;
  /**
   * What reaches the client in the handshake. `{{ name }}` is replaced by the parameter's value; host and port
   * may also be written out, so that whoever may use the document reaches nothing else.
   */
  properties?: Readonly<Record<string, string>>;
}

const sessionTypes: readonly string[] = [
  'Standard_Stream',
  'InteractiveCommands',
  'NonInteractiveCommands',
  'Port',
];

const placeholder = /\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g;

/** What is wrong with a document, as texts; empty when nothing is. */
export function documentProblems(document: SessionDocument): readonly string[] {
  const problems: string[] = [];
  if (document.schemaVersion !== '1.0')
    problems.push(`schemaVersion is ${document.schemaVersion}, session documents have 1.0`);
  if (!sessionTypes.includes(document.sessionType))
    problems.push(`sessionType ${document.sessionType} is none of ${sessionTypes.join(', ')}`);
  const parameters = document.parameters ?? {};
  for (const [name, parameter] of Object.entries(parameters)) {
    if (parameter.type !== 'String')
      problems.push(`parameter ${name} has type ${parameter.type}, not String`);
    const pattern = compile(parameter.allowedPattern);
    if (pattern === 'invalid') problems.push(`allowedPattern of parameter ${name} is no regular expression`);
  }
  const properties = Object.entries(document.properties ?? {});
  for (const [key, value] of properties) {
    if (typeof value !== 'string') {
      problems.push(`property ${key} is not a string`);
      continue;
    }
    for (const [, name = ''] of value.matchAll(placeholder))
      if (!Object.hasOwn(parameters, name))
        problems.push(`property ${key} uses {{ ${name} }}, which is no parameter`);
  }
  return problems;
}

/** Replaces the placeholders in the properties. Keys come out sorted, as the agent's JSON library writes them. */
export function substitute(
  document: SessionDocument,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  const filled: Record<string, string> = {};
  for (const key of Object.keys(document.properties ?? {}).sort())
    filled[key] = (document.properties?.[key] ?? '').replaceAll(
      placeholder,
      (_, name: string) => values[name] ?? '',
    );
  return filled;
}

function compile(pattern: string | undefined): RegExp | undefined | 'invalid' {
  try {
    return pattern === undefined ? undefined : new RegExp(pattern);
  } catch {
    return 'invalid';
  }
}
