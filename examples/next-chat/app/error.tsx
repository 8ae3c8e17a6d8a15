'use client';

export default function PageError({ reset }: { reset: () => void }) {
  return (
    <main className="card">
      <h1>This page has a problem</h1>
      <p><button type="button" className="primary" onClick={reset}>Try again</button></p>
    </main>
  );
}
