# Runs cases of the interoperability client that Debian ships with ruby-grpc, many in one process, whose start takes a
# second: each line of the input is the name of one, each of the output how it went.
#
#   ruby interop_client.rb CLIENT PORT TLS COUNT

client, port, tls, count = ARGV
ARGV.clear
require client
GRPC.logger.level = Logger::ERROR

$stdin.each_line(chomp: true) do |name|
  opts = Args.new(nil, 'localhost', '', nil, port, tls == 'true', name, false)
  begin
    Integer(count).times { NamedTests.new(create_stub(opts), opts).method(name).call }
    puts "passed: #{name}"
  rescue StandardError => e
    puts "failed: #{name}: #{e.full_message(highlight: false).tr("\n", ' ')}"
  end
  $stdout.flush
end
