// What Sources/BenchServer serves (its BenchService tells the methods), by grpc-go: handlers of bytes under the content type
// application/grpc+raw, and grpc-go's own health service.
//
//	server-go PORT
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// rawCodec carries *[]byte as they are.
type rawCodec struct{}

func (rawCodec) Name() string                          { return "raw" }
func (rawCodec) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func message() []byte {
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = '.'
	}
	return bytes
}

func count(stream grpc.ServerStream) (uint32, error) {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return 0, err
	}
	if len(request) != 4 {
		return 0, status.Error(codes.InvalidArgument, "a count in four bytes is wanted")
	}
	return binary.BigEndian.Uint32(request), nil
}

// stream sends as many messages as are asked for, each one made anew.
func stream(_ interface{}, stream grpc.ServerStream) error {
	rest, err := count(stream)
	for ; err == nil && rest > 0; rest-- {
		bytes := message()
		err = stream.SendMsg(&bytes)
	}
	return err
}

// member is one of the audience; its handler waits until it has been told everything.
type member struct {
	stream grpc.ServerStream
	ended  chan error
}

var (
	mutex    sync.Mutex
	audience = map[*member]struct{}{}
)

func join(_ interface{}, stream grpc.ServerStream) error {
	if _, err := count(stream); err != nil {
		return err
	}
	m := &member{stream, make(chan error, 1)}
	mutex.Lock()
	audience[m] = struct{}{} // first, for the headers tell the caller that it is one of them
	mutex.Unlock()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	select {
	case err := <-m.ended:
		return err
	case <-stream.Context().Done():
		mutex.Lock()
		delete(audience, m)
		mutex.Unlock()
		return stream.Context().Err()
	}
}

// fanOut answers at once, then tells the audience. One goroutine does all the sending; one for each stream would have to be woken
// for each message. The codec hands over the bytes, so that all share them: a PreparedMsg cannot be made on a server's stream in
// this version.
func fanOut(_ interface{}, stream grpc.ServerStream) error {
	rounds, err := count(stream)
	if err != nil {
		return err
	}
	mutex.Lock()
	told := audience
	audience = map[*member]struct{}{}
	mutex.Unlock()
	go tell(told, rounds)
	var nothing []byte
	return stream.SendMsg(&nothing)
}

func tell(told map[*member]struct{}, rounds uint32) {
	bytes := message()
	members := make([]*member, 0, len(told))
	for m := range told {
		members = append(members, m)
	}
	errs := make([]error, len(members))
	for round := uint32(0); round < rounds; round++ {
		for i, m := range members {
			if errs[i] == nil {
				errs[i] = m.stream.SendMsg(&bytes)
			}
		}
	}
	for i, m := range members {
		m.ended <- errs[i]
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: server-go PORT")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	encoding.RegisterCodec(rawCodec{})
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Bench",
		HandlerType: (*interface{})(nil),
		Streams: []grpc.StreamDesc{
			{StreamName: "Stream", Handler: stream, ServerStreams: true},
			{StreamName: "Join", Handler: join, ServerStreams: true},
			{StreamName: "FanOut", Handler: fanOut, ServerStreams: true},
		},
	}, struct{}{})
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
