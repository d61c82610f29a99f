// Prints, as JSON, the error with which the package first answers in a wrong environment.
try {
  const { backend, layers, sequential } = await import('seqloom')
  backend()
  await sequential([layers.dense({ units: 1, inputShape: [1] })]).predict([[1]])
  console.log(JSON.stringify({ code: 'none', name: 'none', message: 'no error' }))
} catch ({ code, name, message }) {
  console.log(JSON.stringify({ code, name, message }))
}
