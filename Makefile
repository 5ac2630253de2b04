.PHONY: setup-llvm check-mlir clone-xla setup-iree triton-quickstart cutlass-build nccl-notes clean-all

setup-llvm:
	@./lab run setup-llvm $(if $(BUILD_ROOT),--build-root '$(BUILD_ROOT)')

check-mlir:
	@./lab run check-mlir $(if $(BUILD_ROOT),--build-root '$(BUILD_ROOT)')

clone-xla:
	@./lab run clone-xla $(if $(BUILD_ROOT),--build-root '$(BUILD_ROOT)')

setup-iree:
	@./lab run setup-iree $(if $(BUILD_ROOT),--build-root '$(BUILD_ROOT)')

triton-quickstart:
	@./lab run triton-quickstart $(if $(BUILD_ROOT),--build-root '$(BUILD_ROOT)')

cutlass-build:
	@./lab run cutlass-build $(if $(BUILD_ROOT),--build-root '$(BUILD_ROOT)')

nccl-notes:
	@./lab run nccl-notes $(if $(BUILD_ROOT),--build-root '$(BUILD_ROOT)')

clean-all:
	@./lab run clean-all $(if $(BUILD_ROOT),--build-root '$(BUILD_ROOT)')
