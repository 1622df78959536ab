import { SsmApiError, SsmSimulatorError } from '../errors.ts';
import { awsOwnedDocuments, DEFAULT_DOCUMENT, defaultShellDocument } from './aws-owned.ts';
import { documentProblems, type SessionDocument } from './session-document.ts';

export interface RegisteredDocument {
  readonly name: string;
  readonly arn: string;
  readonly content: SessionDocument;
  readonly owner: string;
  readonly createdDateMs: number;
}

/** The session documents of one account and region. */
export class DocumentRegistry {
  readonly #scope: { region: string; accountId: string };
  readonly #byName = new Map<string, RegisteredDocument>();

  constructor(scope: { region: string; accountId: string }) {
    this.#scope = scope;
    for (const [name, content] of Object.entries(awsOwnedDocuments)) this.#add(name, content, 'Amazon');
    this.#add(DEFAULT_DOCUMENT, defaultShellDocument, scope.accountId);
  }

  /** Adds a document of the account, or replaces the one of the same name. */
  register(name: string, content: SessionDocument): RegisteredDocument {
    if (!/^[a-zA-Z0-9_\-.]{3,128}$/.test(name) || /^(aws|amazon|amzn)/i.test(name))
      throw new SsmSimulatorError(
        'SSM_SIMULATOR_OPTIONS_INVALID',
        `document name ${name} has to match ^[a-zA-Z0-9_\\-.]{3,128}$ and must not start with aws, amazon or amzn`,
      );
    const problems = documentProblems(content);
    if (problems.length > 0)
      throw new SsmSimulatorError(
        'SSM_SIMULATOR_OPTIONS_INVALID',
        `document ${name}: ${problems.join('; ')}`,
      );
    return this.#add(name, content, this.#scope.accountId);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** By name or ARN. Throws `InvalidDocument` when this account and region do not have it. */
  get(nameOrArn: string): RegisteredDocument {
    const name = nameOrArn.startsWith('arn:') ? this.#nameOf(nameOrArn) : nameOrArn;
    const document = name === undefined ? undefined : this.#byName.get(name);
    if (document === undefined)
      throw new SsmApiError('InvalidDocument', `Document with name ${nameOrArn} does not exist.`);
    return document;
  }

  /** The ARN to check permission on, known before it is known whether the document exists. */
  arnOf(nameOrArn: string): string {
    if (nameOrArn.startsWith('arn:')) return nameOrArn;
    return this.#byName.get(nameOrArn)?.arn ?? this.#arn(nameOrArn, this.#scope.accountId);
  }

  #nameOf(arn: string): string | undefined {
    const name = arn.slice(arn.indexOf('/') + 1);
    return this.#byName.get(name)?.arn === arn ? name : undefined;
  }

  #add(name: string, content: SessionDocument, owner: string): RegisteredDocument {
    const document: RegisteredDocument = {
      name,
      arn: this.#arn(name, owner === 'Amazon' ? '' : owner),
      content: structuredClone(content),
      owner,
      createdDateMs: Date.now(),
    };
    this.#byName.set(name, document);
    return document;
  }

  #arn(name: string, account: string): string {
    return `arn:aws:ssm:${this.#scope.region}:${account}:document/${name}`;
  }
}
