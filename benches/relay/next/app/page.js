export default function Page() {
  return <p>A relay for readers that are counted.</p>;
}
