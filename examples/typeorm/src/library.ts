import { DataSource, EntitySchema } from 'typeorm';

export interface Author {
  id: number;
  name: string;
  books: Book[];
}

export interface Book {
  id: number;
  title: string;
  author: Author;
}

const authors = new EntitySchema<Author>({
  name: 'author',
  columns: {
    id: { type: 'integer', primary: true, generated: 'identity' },
    name: { type: 'text', unique: true },
  },
  relations: { books: { type: 'one-to-many', target: 'book', inverseSide: 'author', cascade: true } },
});

const books = new EntitySchema<Book>({
  name: 'book',
  columns: { id: { type: 'integer', primary: true, generated: 'identity' }, title: { type: 'text' } },
  relations: { author: { type: 'many-to-one', target: 'author', inverseSide: 'books', nullable: false } },
});

export const library = new DataSource({
  type: 'postgres',
  url: process.env['DATABASE_URL'],
  entities: [authors, books],
});

export async function publish(name: string, titles: readonly string[]): Promise<Author> {
  return await library.getRepository(authors).save({ name, books: titles.map((title) => ({ title })) });
}

export async function titlesOf(name: string): Promise<string[]> {
  const found = await library.getRepository(books).find({ where: { author: { name } }, order: { id: 'ASC' } });
  return found.map(({ title }) => title);
}

export async function withdraw(name: string): Promise<void> {
  await library.getRepository(authors).delete({ name });
}
