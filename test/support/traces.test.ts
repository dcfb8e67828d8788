import { findTraces } from './traces';

const token = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE';
const jwt = 'eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzaWQiOiJlaWdodC1zaGVlcCJ9AAAA.c2lnbmF0dXJl';
const needles = {
  parts: [{ what: 'an e-mail address', text: 'customers.example' }],
  tokens: new Set([token, jwt]),
};
const inText = (text: string): string[] => findTraces([{ place: 'a log', text }], needles);

describe('the search for secrets', () => {
  it('finds nothing in texts that have none', () => {
    expect(
      inText('{"http.path":"/invite/***","id":"01a21926-eb19-74e7-8c1f-48ce764d32d2"}'),
    ).toEqual([]);
  });

  it('finds an address in either case and written as in a URL', () => {
    expect(inText('Anna@Customers.Example.com')).toEqual(['an e-mail address in a log']);
    expect(inText('?email=anna%40customers.example.com')).toEqual(['an e-mail address in a log']);
  });

  it('finds a token within a longer text, and a JWT by one of its pieces', () => {
    expect(inText(`GET /invite/${token}?lang=de`)).toEqual(['a token in a log']);
    expect(inText(`"payload":"${jwt.split('.')[1] ?? ''}"`)).toEqual(['a token in a log']);
  });

  it('finds each once, in each place, and never says what it found', () => {
    const found = findTraces(
      [
        { place: 'a log', text: `${token} ${token}` },
        { place: 'a history', text: token },
      ],
      needles,
    );
    expect(found).toEqual(['a token in a history', 'a token in a log']);
  });

  it('refuses to look for what is everywhere', () => {
    expect(() =>
      findTraces([], { parts: [{ what: 'a key', text: 'key' }], tokens: new Set() }),
    ).toThrow('So short a text is everywhere');
  });
});
