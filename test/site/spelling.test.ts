import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { readSources, site } from '../helpers/site.js'

const require = createRequire(join(site, '..', 'package.json'))
const nspell = require('nspell') as (dictionary: object) => { correct(word: string): boolean; add(word: string): void }

const dictionary = join(dirname(require.resolve('nspell/package.json')), '..', 'dictionary-en-gb')
const speller = nspell({
  aff: readFileSync(join(dictionary, 'index.aff')),
  dic: readFileSync(join(dictionary, 'index.dic')),
})
for (const word of readFileSync(join(site, '..', 'words.txt'), 'utf8').split('\n')) if (word !== '') speller.add(word)

/** The words of a document's prose: without code, links, tags, and names with capitals or digits within them. */
function words(text: string): string[] {
  return text
    .replaceAll(/^---\n.*?^---$/gms, '')
    .replaceAll(/^(`{3,}).*?^\1$/gms, '')
    .replaceAll(/``.*?``|`[^`]*`/gs, ' ')
    .replaceAll(/\]\([^)]*\)|<[^>]*>|https?:\S+|\S*[_/\\@]\S*/g, ' ')
    .split(/[^\p{L}\p{M}\p{N}'’-]+/u)
    .flatMap((word) => word.replace(/^['’-]+|['’-]+$/g, '').split('-'))
    .map((word) => word.replace(/['’]s$/, ''))
    .filter((word) => /^\p{Lu}?[\p{Ll}'’]{2,}$/u.test(word))
}

it('the documents are spelled right, or their words are in site/words.txt', () => {
  const unknown = new Map<string, string>()
  for (const [name, text] of readSources()) {
    if (/^(api|sources)\//.test(name) || name === 'parity.md') continue
    for (const word of words(text)) if (!speller.correct(word)) unknown.set(word, name)
  }
  expect([...unknown].map(([word, name]) => `${word} (${name})`)).toEqual([])
})
