#!/usr/bin/env node
// Stands in for curl where there is none: the options that the examples of docs/API-DESIGN.md use, and no others.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const options = {
  headers: [],
  method: undefined,
  data: undefined,
  jar: undefined,
  cookies: undefined,
};
let url;
let include = false;
const words = process.argv.slice(2);
while (words.length > 0) {
  const word = words.shift();
  if (word === '-s' || word === '-sS') continue;
  else if (word === '-i') include = true;
  else if (word === '-X') options.method = words.shift();
  else if (word === '-H') options.headers.push(words.shift());
  else if (word === '-d') options.data = words.shift();
  else if (word === '--data-binary') {
    const data = words.shift();
    options.data = data === '@-' ? readFileSync(0) : data;
  } else if (word === '-c') options.jar = words.shift();
  else if (word === '-b') options.cookies = words.shift();
  else if (word.startsWith('-')) throw new Error(`curl: this stand-in does not know ${word}`);
  else url = word;
}

const headers = Object.fromEntries(
  options.headers.map((header) => {
    const at = header.indexOf(':');
    return [header.slice(0, at), header.slice(at + 1).trim()];
  }),
);
if (options.cookies && existsSync(options.cookies)) {
  headers.cookie = readFileSync(options.cookies, 'utf8').trim();
}
const body = options.data;
const method = options.method ?? (body === undefined ? 'GET' : 'POST');
const answer = await fetch(url, {
  method,
  headers,
  redirect: 'manual',
  ...(body === undefined ? {} : { body }),
});
if (options.jar) {
  writeFileSync(
    options.jar,
    answer.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; '),
  );
}
if (include) {
  process.stdout.write(`HTTP/1.1 ${answer.status}\r\n`);
  for (const [name, value] of answer.headers) process.stdout.write(`${name}: ${value}\r\n`);
  process.stdout.write('\r\n');
}
process.stdout.write(Buffer.from(await answer.arrayBuffer()));
