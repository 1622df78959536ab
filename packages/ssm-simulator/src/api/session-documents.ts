import type { SsmCaller } from '../caller.ts';
import { documentProblems, type SessionDocument } from '../documents/session-document.ts';
import { SsmApiError } from '../errors.ts';
import { Constraints, isObject } from './constraints.ts';
import type { ServiceContext } from './service-context.ts';

export function getDocument(context: ServiceContext, input: unknown, caller: SsmCaller): unknown {
  const read = new Constraints(input);
  const name = read.text('Name', { required: true, pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ }) ?? '';
  read.check();
  context.access.document(caller, 'ssm:GetDocument', name);
  const document = context.documents.get(name);
  return {
    Name: document.name,
    CreatedDate: document.createdDateMs / 1000,
    DocumentVersion: '1',
    Status: 'Active',
    Content: JSON.stringify(document.content, null, 2),
    DocumentType: 'Session',
    DocumentFormat: 'JSON',
  };
}

/** Documents of type Session, in JSON. */
export function createDocument(context: ServiceContext, input: unknown, caller: SsmCaller): unknown {
  const read = new Constraints(input);
  const name = read.text('Name', { required: true, pattern: /^[a-zA-Z0-9_\-.]{3,128}$/ }) ?? '';
  const content = read.text('Content', { required: true, min: 1 }) ?? '';
  read.text('DocumentType', { required: true, oneOf: ['Session'] });
  read.text('DocumentFormat', { oneOf: ['JSON'] });
  read.check();
  context.access.document(caller, 'ssm:CreateDocument', name);
  if (/^(aws|amazon|amzn)/i.test(name))
    throw new SsmApiError('ValidationException', `Invalid document name ${name}: the prefix is reserved.`);
  if (context.documents.has(name))
    throw new SsmApiError('DocumentAlreadyExists', `Document with name ${name} already exists`);
  const { owner, createdDateMs } = context.documents.register(name, parse(content));
  return {
    DocumentDescription: {
      Name: name,
      Owner: owner,
      CreatedDate: createdDateMs / 1000,
      Status: 'Active',
      DocumentVersion: '1',
      DocumentType: 'Session',
      DocumentFormat: 'JSON',
      SchemaVersion: '1.0',
    },
  };
}

function parse(content: string): SessionDocument {
  let document: unknown;
  try {
    document = JSON.parse(content);
  } catch {
    throw new SsmApiError('InvalidDocumentContent', 'JSON not well-formed.');
  }
  const sections = isObject(document) ? [document['parameters'] ?? {}, document['properties'] ?? {}] : [];
  if (sections.length === 0 || !sections.every(isObject) || !Object.values(sections[0] ?? {}).every(isObject))
    throw new SsmApiError('InvalidDocumentContent', 'The document is not a session document.');
  const problems = documentProblems(document as unknown as SessionDocument);
  if (problems.length > 0) throw new SsmApiError('InvalidDocumentContent', `${problems.join('; ')}.`);
  return document as unknown as SessionDocument;
}
