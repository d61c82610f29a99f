// Forecasts the monthly number of sunspots, one month ahead, with intervals meant to cover nine values in ten.
//
//   node examples/sunspots.mjs [monthly-sunspots.csv] [epochs]
//
// The last fifth of the months is held out; nothing is fitted to it. The forecasts have to beat two that need no
// learning: next month will be like this one, or like the same month one cycle of eleven years ago.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tasks } from 'seqloom'

const shared = process.env.SEQLOOM_SHARED ?? '../shared'
const file = process.argv[2] || join(shared, 'data', 'timeseries', 'monthly-sunspots.csv')
const epochs = Number(process.argv[3] ?? 100)
if (!existsSync(file)) {
  console.error(`SKIPPED: there is no ${file}; give a CSV file with the columns Month and Sunspots`)
  process.exit(0)
}
const [, ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/)
const series = lines.map((line) => Number(line.split(',')[1]))
const end = Math.floor(0.8 * series.length)
const [training, heldOut] = [series.slice(0, end), series.slice(end)]

// The larger counts are, the more they vary; their square roots vary about equally.
const forecaster = new tasks.Forecaster({ window: 132, transform: 'sqrt', units: 64, dropout: 0.3, seed: 1 })
const started = performance.now()
await forecaster.train(training, {
  epochs,
  // The size and the number of epochs were chosen by training on the first 1,805 months and measuring on the rest of
  // the training part.
  validationSplit: 0,
  restoreBest: false,
  onEpoch({ epoch, loss }) {
    if (epoch % 10 === 0) console.log(`epoch ${epoch}  loss ${loss.toFixed(4)}`)
  },
})
console.log(`trained on ${training.length} months in ${((performance.now() - started) / 1000).toFixed(1)} s`)

const [{ value: measured }] = await forecaster.evaluate(heldOut)
const cycle = 132
const squares = heldOut.map((value, i) => (value - series[end + i - cycle]) ** 2)
const sameMonth = Math.sqrt(squares.reduce((sum, square) => sum + square) / heldOut.length)
const better = Math.min(measured.persistence, sameMonth)
console.log(`\nroot mean square error over ${measured.count} months held out`)
console.log(`  as this month             ${measured.persistence.toFixed(2)}`)
console.log(`  as the same month a cycle before ${sameMonth.toFixed(2)}`)
console.log(
  `  Forecaster                ${measured.rmse.toFixed(2)}, ${(100 * (1 - measured.rmse / better)).toFixed(1)} % lower`,
)
console.log(`the intervals cover ${(100 * measured.coverage).toFixed(1)} %`)

// Months arrive one by one; each takes one step of the network.
console.log('\n      forecast   interval        came')
for (const value of heldOut.slice(0, 6)) {
  const [{ value: next }] = forecaster.forecast()
  const interval = `${next.lower.toFixed(1)} to ${next.upper.toFixed(1)}`
  console.log(`${next.median.toFixed(1).padStart(14)}   ${interval.padEnd(15)} ${value}`)
  forecaster.update(value)
}
