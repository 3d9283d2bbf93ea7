package app

import (
	"runtime"
	runtimemetrics "runtime/metrics"
	"testing"
)

// heapGoal is how large the heap may be before it is collected, in bytes.
func heapGoal() uint64 {
	runtime.GC()
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestHeapMayGrowBeforeItIsCollected(t *testing.T) {
	reserve := reserveHeap(func(string) string { return "" })
	if got := heapGoal(); got < 2*spareHeap {
		t.Errorf("the heap is collected at %d bytes already", got)
	}
	runtime.KeepAlive(reserve)
}

func TestOperatorDecidesAboutCollections(t *testing.T) {
	for _, set := range []string{"GOGC", "GOMEMLIMIT"} {
		reserve := reserveHeap(func(name string) string {
			if name == set {
				return "100"
			}
			return ""
		})
		if reserve != nil {
			t.Errorf("%s is set, and %d bytes are reserved", set, len(reserve))
		}
	}
}
