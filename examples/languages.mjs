// Tells languages apart with LanguageIdentifier, a network that others trained and published with PyTorch: two
// bidirectional LSTMs over the letters of a text (Toftrup et al. 2021).
//
//   pip download --no-deps LanguageIdentifier==1.1.1 && unzip LanguageIdentifier-1.1.1-*.whl
//   node examples/languages.mjs LanguageIdentifier/LID_mixed_model.pkl [text …]
import { existsSync } from 'node:fs'
import { interop } from 'seqloom'

const [, , file = 'LanguageIdentifier/LID_mixed_model.pkl', ...given] = process.argv
if (!existsSync(file)) {
  console.error(`SKIPPED: there is no ${file}; the first lines of this program say where it comes from`)
  process.exit(0)
}

// The network, and what the file has beside it.
const { model } = await interop.loadPyTorch(file)
const checkpoint = await interop.loadPyTorchValues(file)
const letters = checkpoint.get('char_to_idx')
const languages = [...checkpoint.get('lang_to_idx').keys()]

/** The probability of each language. The network gives numbers for each letter, whose sum counts. */
async function probabilities(text) {
  const { data } = await model.predict([Array.from(text, (letter) => letters.get(letter) ?? letters.size)])
  const logits = languages.map((_, k) => data.reduce((sum, v, at) => (at % languages.length === k ? sum + v : sum), 0))
  const exponentials = logits.map((logit) => Math.exp(logit - Math.max(...logits)))
  const total = exponentials.reduce((a, b) => a + b)
  return exponentials.map((each) => each / total)
}

const texts =
  given.length > 0 ? given : ['Det her er dansk', 'This is English', '¿Dónde está la biblioteca?', 'Es schneit.']
for (const text of texts) {
  const all = await probabilities(text)
  const best = all.map((probability, k) => [probability, languages[k]]).sort(([a], [b]) => b - a)
  const shown = best.slice(0, 3).map(([probability, language]) => `${language} ${probability.toFixed(6)}`)
  console.log(`${shown.join('  ')}  ${text}`)
}
